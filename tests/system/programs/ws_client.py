"""ws_client.py URL: opens a WebSocket, says so, and waits to be killed."""
import asyncio
import sys

import websockets


async def main():
    async with websockets.connect(sys.argv[1]) as socket:
        print(await socket.recv(), flush=True)
        await socket.wait_closed()


asyncio.run(main())
