"""An ASGI application for uvicorn: tells what it was sent, streams both ways, notes who has left.

What it has noted is at /notes: one line per event, in the order in which they happened."""
import asyncio
import hashlib
import json

BLOCK = 65536
NOTES, BELL = [], asyncio.Event()


def blocks(size):
    """`size` bytes, each block different from all others."""
    for number in range(-(-size // BLOCK)):
        yield (b"%016d" % number * (BLOCK // 16))[:size - number * BLOCK]


async def head(send, status=200, **fields):
    names = [(name.replace("_", "-").encode(), str(fields[name]).encode()) for name in fields]
    await send({"type": "http.response.start", "status": status, "headers": names})


async def body(send, data=b"", more=False):
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def pieces(receive):
    """The request's body; a client that leaves in the middle of it raises."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        yield message["body"]
        if not message.get("more_body"):
            return


async def told(scope, receive, send, _):
    digest, size = hashlib.sha256(), 0
    try:
        async for piece in pieces(receive):
            if size == 0:
                NOTES.append(f"asked {scope['path']}")
            digest.update(piece)
            size += len(piece)
    except ConnectionError:
        NOTES.append(f"gone {scope['path']} after {size}")
        return
    data = json.dumps({"method": scope["method"], "path": scope["path"], "raw_path": scope["raw_path"].decode(),
                       "query": scope["query_string"].decode(), "size": size, "sha256": digest.hexdigest(),
                       "fields": [[name.decode(), value.decode()] for name, value in scope["headers"]]}).encode()
    await head(send, content_type="application/json", content_length=len(data))
    await body(send, data)


async def some(scope, receive, send, size):
    """/bytes/SIZE: that many, streamed; /digest/SIZE: their sha256."""
    length = {"content_length": size} if scope["query_string"] == b"length" else {}
    await head(send, **length)
    for data in blocks(int(size)):
        await body(send, data, more=True)
        NOTES[:] = [f"sent {data[:16].decode()}"]
    await body(send)


async def digest(scope, receive, send, size):
    found = hashlib.sha256()
    for data in blocks(int(size)):
        found.update(data)
    await head(send)
    await body(send, found.hexdigest().encode())


async def mirror(scope, receive, send, _):
    """The request's body as it comes."""
    await head(send)
    async for piece in pieces(receive):
        await body(send, piece, more=True)
    await body(send)


async def ticks(scope, receive, send, _):
    """An event stream: one event at once, then one for each POST /ring, until the client has left."""
    await head(send, content_type="text/event-stream", cache_control="no-store")
    left = asyncio.create_task(wait_until_gone(receive))
    for number in range(1000):
        await body(send, f"data: {number}\n\n".encode(), more=True)
        rung = asyncio.create_task(BELL.wait())
        await asyncio.wait([left, rung], return_when=asyncio.FIRST_COMPLETED)
        rung.cancel()
        BELL.clear()
        if left.done():
            NOTES.append(f"gone {scope['path']} after {number}")
            return


async def ring(scope, receive, send, _):
    BELL.set()
    await head(send, 204)
    await body(send)


async def wait_until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def hang(scope, receive, send, _):
    """Never answers."""
    NOTES.append(f"asked {scope['path']}")
    await wait_until_gone(receive)
    NOTES.append(f"gone {scope['path']}")


async def status(scope, receive, send, code):
    await head(send, int(code), x_served_by="asgi", content_type="text/plain", set_cookie="a=1")
    await body(send, b"" if int(code) in (204, 304) else f"status {code}".encode())


async def notes(scope, receive, send, _):
    await head(send, content_type="text/plain")
    await body(send, "\n".join(NOTES).encode())


async def forget(scope, receive, send, _):
    NOTES.clear()
    await head(send, 204)
    await body(send)


WAYS = {"bytes": some, "digest": digest, "mirror": mirror, "ticks": ticks, "ring": ring, "hang": hang, "status": status,
        "notes": notes, "forget": forget}


async def app(scope, receive, send):
    if scope["type"] != "http":  # lifespan
        raise NotImplementedError
    _, way, *rest = scope["path"].split("/")
    await WAYS.get(way, told)(scope, receive, send, "/".join(rest))
