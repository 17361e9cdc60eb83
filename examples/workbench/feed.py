"""The workbench's WebSocket feed: the last lines at once, then a line a second."""
import asyncio
import collections
import json
import os
import random
import sys
import time

import websockets

STARTED = time.monotonic()
LINES = collections.deque(maxlen=12)
READERS = set()
WORK = ("indexed {} documents", "compacted {} segments", "swept {} stale entries", "moved {} blocks", "verified {} checksums")


def message(lines):
    return json.dumps({"pid": os.getpid(), "uptime": time.monotonic() - STARTED, "lines": lines})


async def serve_reader(reader):
    READERS.add(reader)
    try:
        await reader.send(message(list(LINES)))
        await reader.wait_closed()
    finally:
        READERS.discard(reader)


async def work():
    while True:
        line = time.strftime("%H:%M:%S ") + random.choice(WORK).format(random.randrange(10, 900))
        LINES.append(line)
        websockets.broadcast(READERS, message([line]))
        await asyncio.sleep(1)


async def main():
    async with websockets.unix_serve(serve_reader, sys.argv[1]):
        print(f"feed listens on {sys.argv[1]}", flush=True)
        await work()


asyncio.run(main())
