"""The proxy in front of programs as they are: what they are told, streams both ways, clients and programs that leave."""
import contextlib
import hashlib
import http.client
import json
import os
import socket
import threading
import time

import pytest

from conftest import PROGRAMS, PYTHON, program, wait_for
from peers import Backend, Peer, read_fields

MIB = 1 << 20
SILENT = "{connect: 2s, response: 500ms}"
IDLE = "{idle: 500ms}"


@pytest.fixture(scope="module")
def listening():
    with Backend() as backend:
        yield backend


@pytest.fixture
def backend(listening):
    listening.forget()
    return listening


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "page.html").write_bytes(b"<p>a page")
    with open(folder / "large.bin", "wb") as large:
        for number in range(100):
            large.write(hashlib.sha256(b"%d" % number).digest() * (MIB // 32))
    return folder


@pytest.fixture(scope="module")
def door(shared_reeve, listening, files):
    with Backend() as absent:
        port = absent.port
    reeve = shared_reeve.start(f"""
services:
  app:
    command: [{PYTHON}, -m, uvicorn, "asgi:app", --port, "${{PORT}}", --log-level, warning, --lifespan, "off",
              --no-proxy-headers]
    directory: {PROGRAMS}
    env: {{PYTHONDONTWRITEBYTECODE: "1"}}
  files: {{command: [{PYTHON}, -m, http.server, "${{PORT}}", --bind, 127.0.0.1, --directory, {files}]}}
  backend: {{address: "http://127.0.0.1:{listening.port}"}}
  absent: {{address: "http://127.0.0.1:{port}"}}
  unknown: {{command: [/nowhere/to/be/found, "${{PORT}}"], start: demand}}
  brief: {{command: [{PYTHON}, -c, "import sys; print('not today'); sys.exit(7)", "${{PORT}}"], start: demand, ready: {{timeout: 5s}}}}
routes:
  - {{path: /files/*, to: files, strip: true}}
  - {{path: /api/*, to: app, strip: true}}
  - {{path: /v1/api/*, to: app, strip: /v1}}
  - {{path: "/of/{{user}}/*", to: app, strip: true}}
  - {{path: /backend/*, to: backend}}
  - {{path: /silent/*, to: backend, timeout: {SILENT}}}
  - {{path: /idle/*, to: backend, timeout: {IDLE}}}
  - {{path: /absent/*, to: absent}}
  - {{path: /unknown/*, to: unknown}}
  - {{path: /brief/*, to: brief}}
  - {{path: /*, to: app}}
""", ports="21000-21999")
    for name in ("app", "files"):
        reeve.wait_state(name, "ready", timeout=20)
    return reeve


def tell(door, path="/told", **more):
    status, _, body = door.get(path, **more)
    assert status == 200, body
    return json.loads(body)


@contextlib.contextmanager
def response(door, path, method="GET", body=None, headers=None, chunked=False):
    """An answer whose body is still to be read."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=120)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {}, encode_chunked=chunked)
        yield connection.getresponse()


def digest_of(answer):
    digest = hashlib.sha256()
    while piece := answer.read(MIB):
        digest.update(piece)
    return digest.hexdigest()


def megabytes(count):
    for number in range(count):
        yield hashlib.sha256(b"%d" % number).digest() * (MIB // 32)


def digest_of_megabytes(count):
    digest = hashlib.sha256()
    for piece in megabytes(count):
        digest.update(piece)
    return digest.hexdigest()


# --- programs as they are ---------------------------------------------------------------------------------------

def test_http_server(door, files):
    """Python's http.server speaks HTTP/1.0 and closes each connection."""
    status, fields, body = door.get("/files/page.html")
    assert (status, body, fields["Content-Type"]) == (200, b"<p>a page", "text/html")
    assert fields["Server"].startswith("SimpleHTTP") and fields["Last-Modified"]
    assert b"large.bin" in door.get("/files/")[2]
    assert door.get("/files/page.html", {"If-Modified-Since": fields["Last-Modified"]})[0] == 304
    assert door.get("/files/missing")[0] == 404
    status, fields, body = door.get("/files/page.html", method="HEAD")
    assert (status, fields["Content-Length"], body) == (200, "9", b"")
    assert door.get("/files/page.html", method="POST", body=b"x")[0] == 501  # http.server's own answer


def test_http_server_100_mib(door, files):
    with response(door, "/files/large.bin") as answer:
        assert int(answer.headers["Content-Length"]) == 100 * MIB
        assert digest_of(answer) == digest_of_megabytes(100)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_methods(door, method):
    told = tell(door, method=method, body=None if method == "GET" else b"hello")
    assert (told["method"], told["size"]) == (method, 0 if method == "GET" else 5)


@pytest.mark.parametrize("code", [200, 201, 204, 302, 304, 400, 401, 403, 404, 418, 500, 502, 503, 599])
def test_statuses_are_passed_on(door, code):
    """A program's own answer is its own, also where reeve has one with the same status."""
    status, fields, body = door.get(f"/status/{code}")
    assert (status, fields["X-Served-By"], fields["Set-Cookie"]) == (code, "asgi", "a=1")
    assert body == (b"" if code in (204, 304) else b"status %d" % code)


def test_post_of_a_form(door):
    body = b"a=1&b=2"
    told = tell(door, method="POST", body=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    fields = dict(told["fields"])
    assert (told["sha256"], fields["content-length"]) == (hashlib.sha256(body).hexdigest(), "7")
    assert fields["content-type"] == "application/x-www-form-urlencoded" and "transfer-encoding" not in fields


def test_chunked_post(door):
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=120)
    with contextlib.closing(connection):
        for size in (0, 1, 100000):
            connection.request("POST", "/told", iter([b"x" * size]), encode_chunked=True)
            told = json.loads(connection.getresponse().read())
            fields = dict(told["fields"])
            assert told["size"] == size and fields["transfer-encoding"] == "chunked" and "content-length" not in fields


@pytest.mark.parametrize("query", ["", "?length"], ids=["chunked", "length"])
def test_100_mib_down(door, query):
    size = 100 * MIB + 12345
    expected = door.get(f"/digest/{size}")[2].decode()
    with response(door, f"/bytes/{size}{query}") as answer:
        assert answer.headers["Content-Length"] == (str(size) if query else None)
        assert digest_of(answer) == expected


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_100_mib_up(door, chunked):
    headers = {} if chunked else {"Content-Length": str(100 * MIB)}
    with response(door, "/told", "POST", megabytes(100), headers, chunked) as answer:
        told = json.loads(answer.read())
    assert (told["size"], told["sha256"]) == (100 * MIB, digest_of_megabytes(100))


def test_both_ways_at_once(door):
    """An answer that begins before the request has ended; each side reads only when the other one has written."""
    with Peer.connect(door.port) as client:
        client.send(b"POST /mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (32 * MIB))
        writer = threading.Thread(target=lambda: [client.send(piece) for piece in megabytes(32)])
        writer.start()
        first, fields = read_fields(client.read_to(b"\r\n\r\n"))
        assert first == "HTTP/1.1 200 OK" and fields["Transfer-Encoding"] == "chunked"
        assert hashlib.sha256(client.read_chunks()).hexdigest() == digest_of_megabytes(32)
        writer.join(120)
        assert not writer.is_alive()


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024


def test_a_client_that_does_not_read_stops_the_program(door):
    """Nothing is spooled: the program can be ahead by what sockets hold, and no more."""
    size = 200 * MIB
    before = sum(resident(pid) for pid in door.gates())
    with response(door, f"/bytes/{size}") as answer:
        assert len(answer.read(10)) == 10
        sent, seen = -1, None
        while sent != seen:
            sent = seen
            time.sleep(0.3)  # a measurement over time: the program stands still
            seen = door.get("/notes")[2]
        assert int(seen.split()[1]) * 65536 < size / 4
        assert sum(resident(pid) for pid in door.gates()) - before < 16 * MIB
        rest = sum(len(piece) for piece in iter(lambda: answer.read(MIB), b""))
        assert rest == size - 10
    door.get("/forget")


# --- what a program is told -------------------------------------------------------------------------------------

@pytest.mark.parametrize("sent, seen, prefix", [
    ("/told/x", "/told/x", None),
    ("/api/told/x", "/told/x", "/api"),
    ("/api/", "/", "/api"),
    ("/api", "/", "/api"),
    ("/v1/api/told", "/api/told", "/v1"),
    ("/v1/api", "/api", "/v1"),
    ("/of/ann/told", "/told", "/of/ann"),
    ("/api/a%2Fb%20c%25?q=%2F&r=a+b", "/a%2Fb%20c%25?q=%2F&r=a+b", "/api"),
    ("/api/a//b///", "/a//b///", "/api"),
    ("/api/x/../y/./z", "/y/z", "/api"),
    ("/api/~!$&'()*+,;=:@", "/~!$&'()*+,;=:@", "/api"),
    ("/%61pi/x", "/x", "/%61pi"),
])
def test_paths(door, sent, seen, prefix):
    told = tell(door, sent)
    assert told["raw_path"] + ("?" + told["query"] if told["query"] else "") == seen
    assert dict(told["fields"]).get("x-forwarded-prefix") == prefix


def test_navigations_to_a_stripped_prefix_get_its_slash(door):
    status, fields, _ = door.get("/api?x=1", {"Sec-Fetch-Mode": "navigate"})
    assert (status, fields["Location"]) == (308, "/api/?x=1")


def test_forwarded_fields(door):
    told = tell(door, "/api/told", headers={"Host": "localhost:1234"})
    assert {name: value for name, value in told["fields"] if "forward" in name or name == "host"} == {
        "host": "localhost:1234", "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost:1234",
        "x-forwarded-proto": "http", "x-forwarded-prefix": "/api",
        "forwarded": 'for=127.0.0.1;host="localhost:1234";proto=http'}


SPOOFED = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Port",
           "X-Forwarded-Server", "Forwarded", "Remote-User", "Remote-Groups", "X_Forwarded_For", "X-Forwarded_For",
           "Remote_User", "REMOTE-USER", "x-forwarded-for"]


def test_a_clients_own_fields_never_pass(door):
    lines = "".join(f"{name}: spoofed\r\n{name}: spoofed too\r\n" for name in SPOOFED)
    with Peer.connect(door.port) as client:
        client.send(f"GET /told HTTP/1.1\r\nHost: localhost\r\nX-Own: kept\r\n{lines}\r\n")
        told = json.loads(client.read_answer().body)
    assert not [field for field in told["fields"] if "spoofed" in field[1]]
    assert ["x-own", "kept"] in told["fields"]
    assert [value for name, value in told["fields"] if name == "x-forwarded-for"] == ["127.0.0.1"]
    assert not [name for name, _ in told["fields"] if name.startswith("remote")]


def test_fields_of_one_connection_stay_there(door, backend):
    with Peer.connect(door.port) as client:
        client.send(b"GET /backend/x HTTP/1.1\r\nHost: localhost\r\nConnection: X-Private, keep-alive\r\nX-Private: 1\r\n"
                    b"Keep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: keep-alive\r\nTrailer: X\r\nUpgrade: h2c\r\n"
                    b"HTTP2-Settings: AAMAAABk\r\nX-Kept: 1\r\nCookie: a=b; c=d\r\n\r\n")
        with backend.accept() as peer:
            names = [name.lower() for name in peer.read_request().fields]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n"
                      b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Kept: 1\r\n\r\nok")
            answer = client.read_answer()
    assert not {"x-private", "keep-alive", "te", "proxy-connection", "upgrade", "http2-settings"} & set(names)
    assert {"x-kept", "cookie"} <= set(names)
    assert answer.body == b"ok" and answer.fields.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.fields["X-Kept"] == "1"
    assert not {"x-hop", "keep-alive"} & {name.lower() for name in answer.fields}


def test_interim_answers_are_passed_on(door, backend):
    with Peer.connect(door.port) as client:
        client.send(b"GET /backend/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with backend.accept() as peer:
            peer.read_request()
            peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
            first, fields = read_fields(client.read_to(b"\r\n\r\n"))
            assert (first, fields["Link"]) == ("HTTP/1.1 103 Early Hints", "</a.css>; rel=preload")
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert client.read_answer().body == b"ok"


# --- streams ----------------------------------------------------------------------------------------------------

def test_an_event_stream_is_not_buffered(door):
    """Each event arrives before the next one is even asked for."""
    with Peer.connect(door.port) as client:
        client.send(b"GET /ticks HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        _, fields = read_fields(client.read_to(b"\r\n\r\n"))
        assert fields["Content-Type"] == "text/event-stream" and not fields["Content-Encoding"]
        for number in range(20):
            client.read_to(b"data: %d\n\n\r\n" % number)
            door.get("/ring", method="POST")


def test_a_heads_arrival_does_not_wait_for_the_body(door, backend):
    with Peer.connect(door.port) as client:
        client.send(b"GET /backend/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with backend.accept() as peer:
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            assert client.read_to(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
            for byte in b"ok":
                peer.send(bytes([byte]))
                assert client.read(1) == bytes([byte])


def test_an_uploads_pieces_are_passed_on(door, backend):
    with Peer.connect(door.port) as client:
        client.send(b"POST /backend/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with backend.accept() as peer:
            peer.read_to(b"\r\n\r\n")
            for piece in (b"a", b"bc"):
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                assert peer.read_to(piece + b"\r\n").startswith(b"%x\r\n" % len(piece))
            client.send(b"0\r\n\r\n")
            assert peer.read_to(b"0\r\n\r\n")
            peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
            assert client.read_answer().status == 204


# --- clients that leave -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("request_head, note", [
    (b"GET /hang/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", "gone /hang/%s"),
    (b"GET /ticks/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", "gone /ticks/%s after 0"),
    (b"POST /told/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\nabc", "gone /told/%s after 3"),
    (b"POST /told/%s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "gone /told/%s after 3"),
], ids=["before the answer", "in the answer", "in the body", "in a chunked body"])
def test_client_gone(door, request_head, note, leave):
    """The program itself notes it: what nobody waits for is given up."""
    mark = f"{leave}{time.monotonic_ns()}"
    client = Peer.connect(door.port)
    client.send(request_head % mark.encode())
    if b"/ticks" in request_head:
        client.read_to(b"data: 0\n\n")
    else:
        path = note.split()[1] % mark
        wait_for(lambda: f"asked {path}".encode() in door.get("/notes")[2], what="the request to arrive")
    client.reset() if leave == "reset" else client.socket.close()
    wait_for(lambda: (note % mark).encode() in door.get("/notes")[2], 1, "the program to note it")


def test_a_client_that_has_only_stopped_writing(door, backend):
    """It still reads (nc -N): a 100 that it did not ask for tells it from one that has left."""
    with Peer.connect(door.port) as client:
        client.send(b"GET /backend/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with backend.accept() as peer:
            peer.read_request()
            client.socket.shutdown(socket.SHUT_WR)
            assert client.read_to(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            answer = client.read_answer()
            assert answer.status == 200 and answer.body == b"hello"
            assert client.read_to_end() == b""


# --- programs that leave, are silent, or talk nonsense ----------------------------------------------------------

def expect_problem(answer, status):
    assert answer.status == status, answer
    assert answer.fields["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == status and problem["type"].startswith("urn:reeve:problem:") and problem["title"]
    return problem


def ask(door, path, fields="", method="GET"):
    client = Peer.connect(door.port)
    return client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")


NONSENSE = {
    "nothing at all": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "another version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and coding": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unsolicited 101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "a NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300000,
    "interim answers alone": b"HTTP/1.1 103 Early Hints\r\n\r\n",
}


def skip_interim(client):
    """Reads the interim answers before the final one."""
    interim = b"HTTP/1.1 103"
    while True:
        while len(client.buffer) < len(interim) and client.more():
            pass
        if not client.buffer.startswith(interim):
            return
        client.read_to(b"\r\n\r\n")


@pytest.mark.parametrize("name", NONSENSE)
def test_502(door, backend, name):
    with ask(door, "/backend/x") as client:
        with backend.accept() as peer:
            peer.read_request()
            with contextlib.suppress(OSError):
                peer.send(NONSENSE[name])
        skip_interim(client)
        expect_problem(client.read_answer(), 502)
    assert door.get("/told")[0] == 200


def test_interim_answers_without_end_have_one(door, backend):
    with ask(door, "/backend/x") as client, backend.accept() as peer:
        peer.read_request()
        peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3000)
        skip_interim(client)
        expect_problem(client.read_answer(), 502)


@pytest.mark.parametrize("head, body, more", [
    (b"Content-Length: 10\r\n", b"hello", b""), (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b""),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"x\r\n")], ids=["length", "chunked", "a broken chunk"])
def test_an_answer_cut_short_is_seen_as_such(door, backend, head, body, more):
    """What the client gets must not look complete: no end of chunks, fewer bytes than announced."""
    with ask(door, "/backend/x") as client:
        with backend.accept() as peer:
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
            seen = client.read_to(b"hello")
            peer.send(more)
        rest = client.read_to_end()
    assert seen.startswith(b"HTTP/1.1 200") and rest in (b"", b"\r\n")


def test_an_answer_until_close_is_complete(door, backend):
    with ask(door, "/backend/x") as client:
        with backend.accept() as peer:
            peer.read_request()
            peer.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        assert client.read_answer().body == b"hello"


def test_504_silent(door, backend):
    started = time.monotonic()
    with ask(door, "/silent/x") as client, backend.accept() as peer:
        peer.read_request()
        expect_problem(client.read_answer(), 504)
        assert time.monotonic() - started > 0.4
        assert peer.read_to_end() == b""


def test_504_silent_to_a_navigation_is_a_page(door, backend):
    with ask(door, "/silent/x", "Sec-Fetch-Mode: navigate\r\n") as client, backend.accept() as peer:
        peer.read_request()
        answer = client.read_answer()
    assert answer.status == 504 and answer.fields["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.fields["Content-Security-Policy"]


def test_idle_in_the_body(door, backend):
    with ask(door, "/idle/x") as client, backend.accept() as peer:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        assert client.read_to_end().endswith(b"\r\n\r\nhello")


def test_504_connect(make_reeve):
    """A listener whose queue is full drops what knocks."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        port = full.getsockname()[1]
        for _ in range(4):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", port))
        reeve = make_reeve().start(f"""
services: {{full: {{address: "http://127.0.0.1:{port}"}}}}
routes: [{{path: /*, to: full, timeout: {SILENT}}}]
""")
        with ask(reeve, "/x") as client:
            expect_problem(client.read_answer(), 504)


def test_503_nobody_listens(door):
    for method in ("GET", "POST"):
        with ask(door, "/absent/x", "Content-Length: 0\r\n", method) as client:
            answer = client.read_answer()
        problem = expect_problem(answer, 503)
        assert problem["target"] == "absent" and "refused" in problem["cause"]["text"].lower()
        assert int(answer.fields["Retry-After"]) >= 1


def test_503_no_such_command(door):
    with ask(door, "/unknown/x") as client:
        answer = client.read_answer()
    problem = expect_problem(answer, 503)
    assert problem["target"] == "unknown" and problem["cause"]["kind"] == "exec"
    assert "/nowhere/to/be/found" in problem["cause"]["text"] and int(answer.fields["Retry-After"]) >= 1


def test_503_exits_at_once(door):
    with ask(door, "/brief/x") as client:
        answer = client.read_answer()
    problem = expect_problem(answer, 503)
    assert (problem["target"], problem["cause"]["kind"], problem["cause"]["code"]) == ("brief", "exit", 7)
    assert int(answer.fields["Retry-After"]) >= 1 and problem["retry_at"].endswith("Z")
    assert b"not today" not in answer.body, "output is for operators"


def test_503_to_a_navigation_is_a_page_that_comes_back(door):
    with ask(door, "/brief/x", "Accept: text/html\r\n") as client:
        answer = client.read_answer()
    assert answer.status == 503 and answer.fields["Content-Type"].startswith("text/html")
    assert f'http-equiv="refresh" content="{answer.fields["Retry-After"]}"'.encode() in answer.body
    assert b"brief" in answer.body and b"exited with 7" in answer.body


@pytest.mark.parametrize("body", [b"", b"abc"], ids=["empty", "with a body"])
def test_a_post_is_sent_once(door, backend, body):
    """A kept connection that dies under a POST: 502, never the same POST again on a fresh one."""
    with ask(door, "/backend/first") as client, backend.accept() as peer:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.read_answer().body == b"ok"
        client.send(b"POST /backend/second HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert peer.read_request().target == "/backend/second"
        peer.socket.close()
        expect_problem(client.read_answer(), 502)
        assert backend.untouched()


def test_a_get_is_sent_again_on_a_fresh_connection(door, backend):
    with ask(door, "/backend/first") as client, backend.accept() as peer:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.read_answer().body == b"ok"
        client.send(b"GET /backend/second HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert peer.read_request().target == "/backend/second"
        peer.socket.close()
        with backend.accept() as fresh:
            assert fresh.read_request().target == "/backend/second"
            fresh.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert client.read_answer().body == b"ok"


def test_connections_behind_are_kept(door, backend):
    """Two requests, one connection: the pool works."""
    with Peer.connect(door.port) as client, contextlib.ExitStack() as stack:
        for number in range(4):
            client.send(f"GET /backend/{number} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if number == 0:
                peer = stack.enter_context(backend.accept())
            assert peer.read_request().target == f"/backend/{number}"
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert client.read_answer().body == b"ok"
        assert backend.untouched()


def test_a_program_that_answers_before_the_body_has_come(door, backend):
    """413 of the program's own, while the client still sends: the client reads it."""
    with ask(door, "/backend/x", f"Content-Length: {64 * MIB}\r\n", "POST") as client, backend.accept() as peer:
        peer.read_to(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        answer = client.read_answer()
        assert (answer.status, answer.body) == (413, b"big")


def test_a_killed_programs_request(door):
    """502 for the POST that it had, which is not sent again; the next request waits for the next run."""
    pid = door.target("app")["run"]["pid"]
    with ask(door, "/hang/killed", method="POST") as client:
        wait_for(lambda: b"asked /hang/killed" in door.get("/notes")[2], what="the request to arrive")
        os.kill(pid, 9)
        expect_problem(client.read_answer(), 502)
    wait_for(lambda: door.get("/told")[0] == 200, 20, "the program to be back")
    assert door.target("app")["run"]["pid"] != pid
