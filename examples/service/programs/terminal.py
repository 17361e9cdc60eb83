"""A terminal-like WebSocket backend: subprotocol `tty`, `/ws`, and a memory of what was said to it.

A message is answered by itself with a count. `pid` and `history` are answered with what they ask for; `close CODE
TEXT` ends the session with that code. $STARTS may name a file that gets a line for each start."""
import argparse
import asyncio
import os
import signal

import websockets

HISTORY = []


async def answer(socket, text):
    word, _, rest = text.partition(" ")
    if word == "pid":
        await socket.send(str(os.getpid()))
    elif word == "history":
        await socket.send("\n".join(HISTORY))
    elif word == "close":
        code, _, reason = rest.partition(" ")
        await socket.close(int(code), reason)
    else:
        HISTORY.append(text)
        await socket.send(f"{len(HISTORY)} {text}")


async def serve(socket, path):
    if path != "/ws":
        await socket.close(4404, "there is only /ws")
        return
    async for message in socket:
        if isinstance(message, bytes):
            await socket.send(message)
        else:
            await answer(socket, message)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    if starts := os.environ.get("STARTS"):
        with open(starts, "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with websockets.serve(serve, "127.0.0.1", port, subprotocols=["tty"]):
        print(f"terminal listens on 127.0.0.1:{port}", flush=True)
        await ended.wait()


asyncio.run(main())
