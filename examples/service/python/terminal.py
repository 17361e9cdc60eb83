"""Pattern 4, WebSocket relay: credential and backend are checked before the browser's WebSocket is accepted."""
import asyncio
import socket

import websockets
from fastapi import APIRouter, WebSocket

from auth import ws_auth_check
from children import spawn
from settings import PROGRAMS, TERMINAL_PORT

router = APIRouter()


def is_backend_alive():
    try:
        socket.create_connection(("127.0.0.1", TERMINAL_PORT), timeout=1).close()
        return True
    except OSError:
        return False


async def start_backend():
    """Starts it and waits until it has bound its port."""
    spawn("terminal", PROGRAMS / "terminal.py", "--port", TERMINAL_PORT)
    for _ in range(50):
        if is_backend_alive():
            return True
        await asyncio.sleep(0.1)
    return False


@router.websocket("/terminal/ws")
async def terminal_relay(websocket: WebSocket):
    if not await ws_auth_check(websocket):
        return
    if not is_backend_alive() and not await start_backend():
        await websocket.close(4503)
        return
    await websocket.accept(subprotocol="tty")
    async with websockets.connect(f"ws://127.0.0.1:{TERMINAL_PORT}/ws", subprotocols=["tty"]) as backend:

        async def client_to_backend():
            while True:
                message = await websocket.receive()
                if message.get("bytes"):
                    await backend.send(message["bytes"])
                elif message.get("text"):
                    await backend.send(message["text"])

        async def backend_to_client():
            async for message in backend:
                if isinstance(message, bytes):
                    await websocket.send_bytes(message)
                else:
                    await websocket.send_text(message)

        tasks = [asyncio.create_task(client_to_backend()), asyncio.create_task(backend_to_client())]
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
