"""A WebSocket service by Python's websockets; what a session does is said by its path.

Options: --port N; --notes FILE: one JSON line per ended session with all frames as this end has seen them, how it
ended, and when (time.monotonic())."""
import argparse
import asyncio
import http
import json
import logging
import signal
import time

import websockets

KINDS = ("TEXT", "BINARY", "CONT", "CLOSE", "PING", "PONG")


class Frames(logging.Handler):
    """Collects the frames that websockets reports in its log, per connection."""

    def emit(self, record):
        message, socket = record.getMessage(), getattr(record, "websocket", None)
        if socket is not None and message[:2] in ("< ", "> ") and message[2:].startswith(KINDS):
            socket.__dict__.setdefault("frames", []).append(message)


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def pieces(socket):
    """Sends each message back in fragments of a third each."""
    async for message in socket:
        third = len(message) // 3
        await socket.send([message[:third], message[third:2 * third], message[2 * third:]])


async def gone(socket):
    socket.transport.abort()


async def trouble(socket):
    await socket.send("before the trouble")
    raise RuntimeError("trouble")


async def wait(socket):
    await socket.send("here")
    await socket.wait_closed()


async def bad(socket):
    """A frame with reserved bits: the client must complain as it does without anybody in between."""
    socket.transport.write(b"\xf1\x01x")
    await socket.wait_closed()


WAYS = {"echo": echo, "pieces": pieces, "gone": gone, "trouble": trouble, "wait": wait, "bad": bad}


async def note_end(socket, file):
    await socket.wait_closed()
    line = {"path": socket.path, "frames": getattr(socket, "frames", []), "code": socket.close_code,
            "reason": socket.close_reason, "at": time.monotonic(), "subprotocol": socket.subprotocol,
            "extensions": socket.request_headers.get("Sec-WebSocket-Extensions")}
    with open(file, "a", encoding="utf-8") as notes:
        notes.write(json.dumps(line) + "\n")


def serve(options):
    noting = set()

    async def session(socket):
        if options.notes:
            task = asyncio.create_task(note_end(socket, options.notes))
            noting.add(task)
            task.add_done_callback(noting.discard)
        _, way, *rest = socket.path.partition("?")[0].split("/")
        if way == "close":
            await socket.close(int(rest[0]), rest[1])
        else:
            await WAYS[way](socket)

    return session


async def refuse(path, headers):
    """/refuse/STATUS: no handshake, that status."""
    if path.startswith("/refuse/"):
        status = http.HTTPStatus(int(path.split("/")[2]))
        return status, [("X-Why", "because"), ("Content-Type", "text/plain")], b"refused as told"
    return None


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--notes")
    options = parser.parse_args()
    logger = logging.Logger("frames", logging.DEBUG)
    logger.addHandler(Frames())
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    async with websockets.serve(serve(options), "127.0.0.1", options.port, process_request=refuse, max_size=None,
                                subprotocols=["second", "first"], logger=logger, ping_interval=None, close_timeout=2,
                                extra_headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Own", "kept")]):
        print("listens", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
