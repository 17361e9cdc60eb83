"""The WebSocket relay: the same as a direct connection, 101 only when the program behind has sent it, prompt ends,
and nothing left behind."""
import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import time

import pytest
import websockets

from conftest import PROGRAMS, PYTHON, SLACK, descriptors, free_port, program, wait_for, whole_lines
from peers import ACCEPTED, Backend, Peer, connections_at, frame, handshake, read_fields, within

KINDS = ("TEXT", "BINARY", "CONT", "CLOSE", "PING", "PONG")
PROMISED = 1.0  # seconds until one side knows that the other one is gone


@pytest.fixture(scope="module")
def listening():
    with Backend() as backend:
        yield backend


@pytest.fixture
def backend(listening):
    listening.forget()
    return listening


@pytest.fixture(scope="module")
def door(shared_reeve, listening):
    with Backend() as absent:
        port = absent.port
    reeve = shared_reeve
    reeve.direct_port = free_port()
    reeve.notes = reeve.folder / "notes"
    reeve.start(f"""
services:
  echo:
    command: [{program("ws_echo.py")}, --port, "${{PORT}}", --notes, {reeve.notes}]
    listen: tcp:{reeve.direct_port}
  fast: {{command: [{program("ws_fast.py")}, --port, "${{PORT}}"]}}
  backend: {{address: "http://127.0.0.1:{listening.port}"}}
  absent: {{address: "http://127.0.0.1:{port}"}}
routes:
  - {{path: /raw/*, to: backend}}
  - {{path: /fast, to: fast}}
  - {{path: /absent, to: absent}}
  - {{path: /*, to: echo}}
""", ports="22000-22999", origins='["https://app.example"]')
    for name in ("echo", "fast"):
        reeve.wait_state(name, "ready", timeout=20)
    return reeve


# --- as without reeve -------------------------------------------------------------------------------------------

class Frames(logging.Handler):
    """The frames that a client of websockets has seen, from its log."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def emit(self, record):
        message = record.getMessage()
        if message[:2] in ("< ", "> ") and message[2:].startswith(KINDS):
            self.seen.append(message)


async def echo(socket, *messages):
    answers = []
    for message in messages:
        await socket.send(message)
        answers.append(await socket.recv())
    return answers


async def texts(socket):
    return await echo(socket, "hello", "", "zwölf Boxkämpfer 🥊", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536)


async def binaries(socket):
    return await echo(socket, b"\0", b"", bytes(range(256)) * 300, b"\xff" * 70000)


async def large(socket):
    message = os.urandom(16 << 20)
    answer = (await echo(socket, message))[0]
    return answer == message


async def fragments(socket):
    await socket.send(["a", "", "b" * 70000, "ä"])
    answers = [await socket.recv()]
    await socket.send([b"\1" * 10, b"\2" * 300])
    return answers + [await socket.recv()]


async def many(socket):
    """A thousand messages in flight at once."""
    sender = asyncio.create_task(asyncio.wait_for(send_many(socket), 30 * SLACK))
    answers = [await socket.recv() for _ in range(1000)]
    await sender
    return answers == [str(i) * (i % 50) for i in range(1000)]


async def send_many(socket):
    for i in range(1000):
        await socket.send(str(i) * (i % 50))


async def pings(socket):
    for payload in (b"", b"x", b"y" * 125):
        await asyncio.wait_for(await socket.ping(payload), 10 * SLACK)
    await socket.pong(b"unsolicited")
    return await echo(socket, "after")


async def closing(socket):
    assert await socket.recv() == "here"
    await socket.close(4001, "käse")


async def closing_plainly(socket):
    assert await socket.recv() == "here"
    await socket.close()


async def until_closed(socket):
    seen = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            seen.append(await socket.recv())
    return seen


async def abort(socket):
    await echo(socket, "x")
    socket.transport.abort()


async def broken(socket):
    """A frame with reserved bits and no mask: the program behind must be the one that complains."""
    socket.transport.write(b"\xf1\x01x")
    return await until_closed(socket)


SESSIONS = {
    "texts": ("/echo", texts, {}),
    "texts, uncompressed": ("/echo", texts, {"compression": None}),
    "binaries": ("/echo", binaries, {}),
    "binaries, uncompressed": ("/echo", binaries, {"compression": None}),
    "16 MiB": ("/echo", large, {"compression": None}),
    "fragments": ("/echo", fragments, {"compression": None}),
    "fragments, compressed": ("/echo", fragments, {}),
    "fragments back": ("/pieces", texts, {"compression": None}),
    "many": ("/echo", many, {"compression": None}),
    "pings": ("/echo", pings, {}),
    "subprotocol": ("/echo", texts, {"subprotocols": ["first", "second"]}),
    "no subprotocol in common": ("/echo", texts, {"subprotocols": ["third"]}),
    "client closes": ("/wait", closing, {}),
    "client closes plainly": ("/wait", closing_plainly, {}),
    "client aborts": ("/echo", abort, {}),
    "client breaks the framing": ("/wait", broken, {}),
    "server closes": ("/close/4002/reason", until_closed, {}),
    "server closes, long reason": ("/close/3000/" + "r" * 123, until_closed, {}),
    "server closes, going away": ("/close/1001/", until_closed, {}),
    "server fails": ("/trouble", until_closed, {}),
    "server aborts": ("/gone", until_closed, {}),
    "server breaks the framing": ("/bad", until_closed, {}),
    "query": ("/echo?a=b&c=%2F", texts, {}),
}


async def session(port, path, script, options):
    """What a client lives through, complete."""
    logger, frames = logging.Logger("client", logging.DEBUG), Frames()
    logger.addHandler(frames)
    async with websockets.connect(f"ws://127.0.0.1:{port}{path}", max_size=None, ping_interval=None, close_timeout=5,
                                  logger=logger, open_timeout=120, **options) as socket:
        result = await asyncio.wait_for(script(socket), 60 * SLACK)
        await socket.close()
    fields = sorted((name, value) for name, value in socket.response_headers.raw_items()
                    if name.lower() not in ("date", "sec-websocket-accept"))
    return {"result": result, "frames": frames.seen, "code": socket.close_code, "reason": socket.close_reason,
            "subprotocol": socket.subprotocol, "extensions": [extension.name for extension in socket.extensions],
            "fields": fields}


@pytest.mark.parametrize("name", SESSIONS)
def test_same_as_direct(door, name):
    path, script, options = SESSIONS[name]
    seen = []
    for port in (door.direct_port, door.port):
        before = notes(door)
        told = asyncio.run(session(port, path, script, options))
        line = wait_for(lambda: notes(door)[len(before):], 5, "the program to note the end")[0]
        del line["at"]
        seen.append((told, line))
    assert without_random(seen[1]) == without_random(seen[0])


def without_random(seen):
    """The 16 MiB are different each time, and so are the lines about them."""
    return [len(part["frames"]) for part in seen] if seen[0]["result"] is True else seen


def notes(door):
    return [json.loads(line) for line in whole_lines(door.notes)]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 426, 500, 503])
def test_a_refusal_is_passed_on(door, status):
    seen = []
    for port in (door.direct_port, door.port):
        with Peer.connect(port) as client:
            answer = client.send(handshake(f"/refuse/{status}")).read_answer()
        seen.append((answer.status, answer.body, answer.fields["X-Why"], answer.fields["Content-Type"]))
    assert seen[0] == seen[1] == (status, b"refused as told", "because", "text/plain")


# --- when the 101 comes -----------------------------------------------------------------------------------------

def test_101_follows_the_backends(door, backend):
    """Neither a client's byte behind nor a 101 before that of the program: also when its head comes in pieces."""
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x") + frame(1, b"early"))
        with backend.accept() as peer:
            first, fields = read_fields(peer.read_to(b"\r\n\r\n"))
            assert first == "GET /raw/x HTTP/1.1"
            assert (fields["Connection"].lower(), fields["Upgrade"]) == ("upgrade", "websocket")
            assert fields["Sec-WebSocket-Key"] == "dGhlIHNhbXBsZSBub25jZQ=="
            assert peer.silent() and client.silent(0)
            client.send(frame(1, b"still early"))
            peer.send(ACCEPTED[:40])
            assert peer.silent() and client.silent(0)
            peer.send(ACCEPTED[40:-1])
            assert peer.silent(0.1) and client.silent(0)
            peer.send(ACCEPTED[-1:])
            answer = client.read_answer()
            assert (answer.status, answer.fields["Upgrade"]) == (101, "websocket")
            early = frame(1, b"early") + frame(1, b"still early")
            assert peer.read(len(early)) == early
            peer.send(frame(1, b"hello", masked=False))
            assert client.read_frame() == (1, b"hello", True)


def test_frames_behind_the_101_arrive(door, backend):
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x"))
        with backend.accept() as peer:
            peer.read_to(b"\r\n\r\n")
            peer.send(ACCEPTED + frame(1, b"at once", masked=False) + frame(2, bytes(100000), masked=False))
            assert client.read_answer().status == 101
            assert client.read_frame() == (1, b"at once", True)
            assert client.read_frame() == (2, bytes(100000), True)


def test_what_a_backend_is_told(door, backend):
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x?y", X_Forwarded_For="6.6.6.6", Sec_WebSocket_Protocol="a, b",
                              Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits", Cookie="a=b"))
        with backend.accept() as peer:
            first, fields = read_fields(peer.read_to(b"\r\n\r\n"))
            peer.send(ACCEPTED[:-2] + b"Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
                      b"Set-Cookie: c=d\r\n\r\n")
            answer = client.read_answer()
    assert first == "GET /raw/x?y HTTP/1.1" and fields.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert fields["Sec-WebSocket-Protocol"] == "a, b" and fields["Cookie"] == "a=b"
    assert fields["Sec-WebSocket-Extensions"] == "permessage-deflate; client_max_window_bits"
    assert fields["Sec-WebSocket-Version"] == "13" and fields["Host"] == "127.0.0.1"
    assert answer.fields["Sec-WebSocket-Protocol"] == "b" and answer.fields["Set-Cookie"] == "c=d"
    assert answer.fields["Sec-WebSocket-Extensions"] == "permessage-deflate"
    assert answer.fields["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("request_head", [
    b"GET /raw/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /raw/x HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n",
    b"GET /raw/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\r\n",
    b"POST /raw/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab"],
    ids=["GET", "only Upgrade", "only Connection", "POST"])
def test_an_unsolicited_101(door, backend, request_head):
    with Peer.connect(door.port) as client:
        client.send(request_head)
        with backend.accept() as peer:
            peer.read_request()
            peer.send(ACCEPTED + frame(1, b"hello", masked=False))
            assert peer.read_to_end() == b""
        assert client.read_answer().status == 502


WRONG = {
    "another key": ACCEPTED.replace(b"s3pP", b"xxxx"),
    "no key": ACCEPTED.replace(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", b""),
    "another protocol": ACCEPTED.replace(b"Upgrade: websocket", b"Upgrade: tcp"),
    "no Upgrade": ACCEPTED.replace(b"Upgrade: websocket\r\n", b""),
    "with a length": ACCEPTED[:-2] + b"Content-Length: 5\r\n\r\nhello",
    "a subprotocol that nobody asked for": ACCEPTED[:-2] + b"Sec-WebSocket-Protocol: x\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_101(door, backend, name):
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x") + frame(1, b"early"))
        with backend.accept() as peer:
            peer.read_to(b"\r\n\r\n")
            if WRONG[name]:
                peer.send(WRONG[name])
                assert peer.read_to_end() == b""
        assert client.read_answer().status == 502


def test_200_to_an_upgrade(door, backend):
    """An answer without an upgrade is passed on as it is, and no client's byte follows as a request of its own."""
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x"))
        with backend.accept() as peer:
            peer.read_to(b"\r\n\r\n")
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            answer = client.read_answer()
            assert (answer.status, answer.body) == (200, b"hello")
            assert peer.silent(0.1) or peer.read_to_end() == b""


def test_an_absent_backend(door):
    with Peer.connect(door.port) as client:
        answer = client.send(handshake("/absent")).read_answer()
    assert answer.status == 503 and int(answer.fields["Retry-After"]) >= 1
    assert json.loads(answer.body)["target"] == "absent"


def test_another_protocol(door, backend):
    """An upgrade need not be a WebSocket."""
    with Peer.connect(door.port) as client:
        client.send(b"GET /raw/x HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo/1\r\n\r\n")
        with backend.accept() as peer:
            assert read_fields(peer.read_to(b"\r\n\r\n"))[1]["Upgrade"] == "echo/1"
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo/1\r\n\r\n\x00\xff")
            assert client.read_answer().fields["Upgrade"] == "echo/1"
            assert client.read(2) == b"\x00\xff"
            client.send(b"\xff\x00")
            assert peer.read(2) == b"\xff\x00"


# --- who may ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("origin, status", [
    (None, 101), ("http://127.0.0.1:{port}", 101), ("https://app.example", 101), ("https://APP.example:443", 101),
    ("https://127.0.0.1:{port}", 403), ("http://127.0.0.1", 403), ("http://127.0.0.1:1", 403), ("http://evil.example", 403),
    ("http://app.example", 403), ("https://evil.app.example", 403), ("https://app.example.evil.example", 403),
    ("null", 403), ("", 403), ("file://", 403), ("https://app.example https://evil.example", 403)])
def test_origins(door, backend, origin, status):
    fields = {} if origin is None else {"Origin": origin.format(port=door.port)}
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x", f"127.0.0.1:{door.port}", **fields))
        if status == 101:
            with backend.accept() as peer:
                peer.read_to(b"\r\n\r\n")
                peer.send(ACCEPTED)
                assert client.read_answer().status == 101
        else:
            answer = client.read_answer()
            assert answer.status == 403 and b"`origins`" in answer.body
            assert backend.untouched(0.05)


# --- ends -------------------------------------------------------------------------------------------------------

def test_a_killed_program_is_seen_at_once(door):
    with Peer.connect(door.port) as client:
        assert client.send(handshake("/wait")).read_answer().status == 101
        assert client.read_frame()[1] == b"here"
        pid = door.target("echo")["run"]["pid"]
        os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        assert client.read_to_end() == b"", "no goodbye that the program has not said"
        within(PROMISED, started)
    wait_for(lambda: (row := door.target("echo"))["ready"] and row["run"]["pid"] != pid, 20, "it to be back")


def test_a_killed_client_is_seen_at_once(door):
    before = len(notes(door))
    with subprocess.Popen([PYTHON, PROGRAMS / "ws_client.py", f"ws://127.0.0.1:{door.port}/wait"],
                          stdout=subprocess.PIPE) as client:
        assert client.stdout.readline() == b"here\n"
        client.kill()
        killed = time.monotonic()
    line = wait_for(lambda: notes(door)[before:], 5, "the program to note it")[0]
    assert line["code"] == 1006 and line["at"] - killed < PROMISED * SLACK


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_during_the_handshake(door, backend, leave):
    client = Peer.connect(door.port)
    client.send(handshake("/raw/x") + frame(1, b"early"))
    with backend.accept() as peer:
        peer.read_to(b"\r\n\r\n")
        started = time.monotonic()
        client.reset() if leave == "reset" else client.socket.close()
        assert peer.read_to_end() == b""
        within(PROMISED, started)


def test_a_reset_is_passed_on(door, backend):
    """Who is cut off must not take it for an end in good order... as far as TCP tells."""
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x"))
        peer = backend.accept()
        peer.read_to(b"\r\n\r\n")
        peer.send(ACCEPTED)
        assert client.read_answer().status == 101
        started = time.monotonic()
        peer.reset()
        assert client.read_to_end() == b""
        within(PROMISED, started)


def test_half_close(door, backend):
    """The end of one direction leaves the other one open, with a megabyte in flight."""
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x"))
        with backend.accept() as peer:
            peer.read_to(b"\r\n\r\n")
            peer.send(ACCEPTED + bytes(1 << 20))
            client.read_to(b"\r\n\r\n")
            client.send(b"last words")
            client.socket.shutdown(1)
            assert peer.read_to_end() == b"last words"
            peer.send(b"the rest")
            peer.socket.shutdown(1)
            assert client.read_to_end() == bytes(1 << 20) + b"the rest"


def test_a_blocked_side_stops_the_other(door, backend):
    """What a client does not read stays with the program, but for what sockets hold."""
    with Peer.connect(door.port) as client:
        client.send(handshake("/raw/x"))
        with backend.accept() as peer:
            peer.read_to(b"\r\n\r\n")
            peer.send(ACCEPTED)
            assert client.read_answer().status == 101
            peer.socket.settimeout(0.5)
            sent, piece = 0, bytes(1 << 16)
            with contextlib.suppress(TimeoutError):
                while sent < 64 << 20:
                    sent += peer.socket.send(piece)
            assert sent < 32 << 20
            peer.socket.settimeout(120)
            left = sent
            while left:
                left -= len(client.read(min(left, 1 << 20)))
            peer.send(b"more")
            assert client.read(4) == b"more"


# --- ten thousand -----------------------------------------------------------------------------------------------

class Cycle(asyncio.Protocol):
    """One connection: handshake, a frame that comes back, and an end of one of four kinds."""

    def __init__(self, kind, done):
        self.kind, self.done, self.buffer = kind, done, b""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(handshake("/fast"))
        self.step = self.opened

    def data_received(self, data):
        self.buffer += data
        self.step()

    def opened(self):
        if b"\r\n\r\n" in self.buffer:
            assert self.buffer.startswith(b"HTTP/1.1 101 "), self.buffer
            self.buffer = self.buffer.partition(b"\r\n\r\n")[2]
            self.transport.write(frame(1, b"hello"))
            self.step = self.echoed

    def echoed(self):
        if len(self.buffer) < 7:
            return
        assert self.buffer == b"\x81\x05hello"
        self.step = lambda: None
        if self.kind == 0:
            self.transport.write(frame(8, b"\x03\xe8"))
        elif self.kind == 1:
            self.transport.write(frame(1, b"end"))
        elif self.kind == 2:
            self.transport.close()
        else:
            self.transport.abort()

    def connection_lost(self, error):
        if not self.done.done():
            self.done.set_result(self.step is not self.opened)


async def cycles(port, count, at_once):
    loop, left = asyncio.get_running_loop(), iter(range(count))

    async def worker():
        for number in left:
            done = loop.create_future()
            await loop.create_connection(lambda: Cycle(number % 4, done), "127.0.0.1", port)
            assert await asyncio.wait_for(done, 30 * SLACK), "ended before its 101"

    await asyncio.gather(*[worker() for _ in range(at_once)])


def private_memory(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith(("Private_Dirty:", "Swap:"))) * 1024


def test_ten_thousand_cycles_leak_nothing(make_reeve):
    """Descriptors and memory are after 10,000 connections what they were after the first 2,000."""
    reeve = make_reeve()
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    reeve.start(f"""
services: {{fast: {{command: [{program("ws_fast.py")}, --port, "${{PORT}}"]}}}}
routes: [{{path: /fast, to: fast}}]
log: {{access: none}}
""", {"ASAN_OPTIONS": sanitizer}, ports="23000-23999")
    reeve.wait_state("fast", "ready", timeout=20)
    service = reeve.target("fast")["run"]["pid"]
    pids = [*reeve.gates(), reeve.process.pid]

    def run(count):
        asyncio.run(cycles(reeve.port, count, 16))
        wait_for(lambda: not connections_at(reeve.port), 5, "the clients' connections to be closed")
        wait_for(lambda: descriptors(service) < 20, 5, "the program's connections to be closed")

    def open_now():
        return [descriptors(pid) for pid in pids]

    run(2000)
    opened, before = open_now(), [private_memory(pid) for pid in pids]
    run(8000)
    wait_for(lambda: all(now <= then for now, then in zip(open_now(), opened)), what="as few descriptors as before")
    grown = [private_memory(pid) - memory for pid, memory in zip(pids, before)]
    assert reeve.gates() == pids[:-1]
    assert max(grown[:-1]) < 8000 * 64, f"memory: {grown} bytes more in gates and keeper"
    assert grown[-1] < 2 << 20, f"{grown[-1]} bytes more in the keeper"  # with time a sanitizer's quarantine of 1 MiB fills
