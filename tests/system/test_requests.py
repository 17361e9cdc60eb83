"""What clients send, byte for byte: what is refused and how, what is served, and what reaches the program behind."""
import time

import pytest

from conftest import SLACK, wait_for
from peers import Peer, Recorder, connections_at, frame, handshake

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET / HTTP/1.1\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LIMITED = b"POST /limited/x HTTP/1.1\r\n" + HOST
UPGRADE = HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"

ROWS = {
    # two ways to say where the body ends
    "length and coding": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    "length +1": (POST + b"Content-Length: +1\r\n\r\na", 400),
    "length 1,1": (POST + b"Content-Length: 1,1\r\n\r\na", 400),
    "length 1,2": (POST + b"Content-Length: 1,2\r\n\r\na", 400),
    "length 0x1": (POST + b"Content-Length: 0x1\r\n\r\na", 400),
    "length -1": (POST + b"Content-Length: -1\r\n\r\na", 400),
    "length 2^64": (POST + b"Content-Length: 18446744073709551616\r\n\r\na", 400),
    "length empty": (POST + b"Content-Length:\r\n\r\na", 400),
    "length with a blank": (POST + b"Content-Length: 1 1\r\n\r\na", 400),
    "chunked, identity": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400, 501}),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", {400, 501}),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "chunked after VT": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "chunked in 1.0": (b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    # chunks
    "chunk 0x5": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk -1": (CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n", 400),
    "chunk +5": (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk of 17 digits": (CHUNKED + b"00000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    "chunk of 2^64": (CHUNKED + b"10000000000000000\r\nhello\r\n0\r\n\r\n", 400),
    "chunk without size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", 400),
    "chunk, bare LF behind its size": (CHUNKED + b"5\nhello\r\n0\r\n\r\n", 400),
    "chunk, bare LF behind its data": (CHUNKED + b"5\r\nhello\n0\r\n\r\n", 400),
    "chunk longer than said": (CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n", 400),
    "trailer, bare LF": (CHUNKED + b"0\r\nX: y\n\r\n", 400),
    # lines
    "bare LF between fields": (GET + b"Host: 127.0.0.1\nX: b\r\n\r\n", 400),
    "bare LF behind the request line": (b"GET / HTTP/1.1\nHost: 127.0.0.1\r\n\r\n", 400),
    "bare LF at the end": (GET + HOST + b"\n", 400),
    "bare CR in a value": (GET + HOST + b"X: a\rX: b\r\n\r\n", 400),
    "bare CR in the request line": (b"GET / HTTP/1.1\rX\r\n" + HOST + b"\r\n", 400),
    "NUL in a value": (GET + HOST + b"X: a\0b\r\n\r\n", 400),
    "NUL in a name": (GET + HOST + b"X\0: b\r\n\r\n", 400),
    "NUL in the target": (b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "blank before the colon": (GET + b"Host : 127.0.0.1\r\n\r\n", 400),
    "tab before the colon": (GET + HOST + b"X\t: y\r\n\r\n", 400),
    "no colon": (GET + HOST + b"X\r\n\r\n", 400),
    "folded line": (GET + HOST + b"X: a\r\n b\r\n\r\n", 400),
    "folded with a tab": (GET + HOST + b"X: a\r\n\tb\r\n\r\n", 400),
    "folded first line": (GET + b" " + HOST + b"\r\n", 400),
    # Host
    "no Host": (GET + b"\r\n", 400),
    "Host twice": (GET + HOST + HOST + b"\r\n", 400),
    "two Hosts": (GET + HOST + b"Host: localhost\r\n\r\n", 400),
    "empty Host": (GET + b"Host:\r\n\r\n", {400, 421}),
    "Host with a blank": (GET + b"Host: a b\r\n\r\n", 400),
    "Host with userinfo": (GET + b"Host: evil@127.0.0.1\r\n\r\n", 400),
    "foreign Host": (GET + b"Host: evil.example\r\n\r\n", 421),
    "foreign Host below ours": (GET + b"Host: evil.app.example\r\n\r\n", 421),
    "foreign Host with our port": (GET + b"Host: evil.example:80\r\n\r\n", 421),
    "foreign Host in the target": (b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n", 421),
    # the request line
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/1": (b"GET / HTTP/1\r\n" + HOST + b"\r\n", 400),
    "HTTP/1.10": (b"GET / HTTP/1.10\r\n" + HOST + b"\r\n", 400),
    "http/1.1": (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "a TLS client": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)), 400),
    "method with a bracket": (b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "method with a colon": (b"GET: / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "method in UTF-8": ("GÉT / HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "two blanks": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a tab for a blank": (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target without a slash": (b"GET x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target with a fragment": (b"GET /#x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target above the root": (b"GET /../x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target above the root, encoded": (b"GET /x/%2e%2e/%2E%2e/y HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "dots between encoded slashes": (b"GET /x/y%2f..%2fz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "encoded NUL": (b"GET /x%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "encoded line end": (b"GET /x%0d%0ay HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "half an escape": (b"GET /x%4 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no escape": (b"GET /x%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CONNECT": (b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", {405, 501}),
    # sizes
    "head over the limit": (GET + HOST + b"X: " + b"x" * 33000 + b"\r\n\r\n", 431),
    "head without an end": (GET + HOST + b"X: " + b"x" * 400000, 431),
    "too many fields": (GET + HOST + b"X: y\r\n" * 1000 + b"\r\n", 431),
    "target over the limit": (b"GET /" + b"x" * 8300 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "target without an end": (b"GET /" + b"x" * 400000, 414),
    "body over the limit": (LIMITED + b"Content-Length: 1025\r\n\r\n" + b"x" * 1025, 413),
    "body over the limit, announced": (LIMITED + b"Content-Length: 1025\r\n\r\n", 413),
    "body far over the limit": (LIMITED + b"Content-Length: 200000\r\n\r\n" + b"x" * 200000, 413),
    "body over the limit, chunked": (
        LIMITED + b"Transfer-Encoding: chunked\r\n\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n3e8\r\n" + b"x" * 1000 +
        b"\r\n0\r\n\r\n", 413),
    "body over the limit, one chunk without an end": (
        LIMITED + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n" + b"x" * 1100, 413),
    # more
    "another expectation": (POST + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417),
    "upgrade with a body": (GET + UPGRADE + b"Content-Length: 3\r\n\r\nabc", 400),
    "upgrade by POST with a body": (b"POST / HTTP/1.1\r\n" + UPGRADE + b"Content-Length: 3\r\n\r\nabc", 400),
    "upgrade with a chunked body": (GET + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
}


@pytest.fixture(scope="module")
def recorder():
    with Recorder() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def door(shared_reeve, recorder):
    return shared_reeve.start(f"""
services:
  backend: {{address: "http://127.0.0.1:{recorder.port}"}}
routes:
  - {{path: /limited/*, to: backend, body: {{max: 1k}}}}
  - {{path: /*, to: backend}}
""", hosts="[app.example]")


@pytest.fixture
def connect(door):
    return lambda: Peer.connect(door.port)


@pytest.fixture(autouse=True)
def fresh_record(recorder):
    recorder.targets()


def expect_closed(client, statuses):
    """A refusal is complete, says close, tells why, and is the last that comes."""
    answer = client.read_answer()
    assert answer.status in statuses, answer
    assert answer.fields["Connection"] == "close"
    assert answer.fields["Content-Type"] == "application/problem+json"
    assert client.read_to_end() == b""
    return answer


@pytest.mark.parametrize("name", ROWS)
def test_refused(door, connect, recorder, name):
    request, status = ROWS[name]
    with connect() as client:
        expect_closed(client.send(request), status if isinstance(status, set) else {status})
    assert door.get("/still")[0] == 200
    assert recorder.targets() == ["/still"], "what was refused has reached the program behind as a whole"


def test_other_versions(door, connect):
    for version in range(20, 100):
        with connect() as client:
            client.send(b"GET / HTTP/%d.%d\r\n" % divmod(version, 10) + HOST + b"\r\n")
            expect_closed(client, {505})


@pytest.mark.parametrize("version", [b"1.1", b"1.2", b"1.9"])
def test_served_as_1_1(connect, version):
    with connect() as client:
        for _ in range(2):  # the connection stays
            client.send(b"GET /x HTTP/" + version + b"\r\n" + HOST + b"\r\n")
            answer = client.read_answer()
            assert (answer.status, answer.body) == (200, b"GET /x 0")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]", "app.example", "APP.example.:8080", "192.0.2.1"])
def test_hosts_of_ours(connect, host):
    with connect() as client:
        client.send(f"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert client.read_answer().status == 200


def test_foreign_host_names_the_key(connect):
    with connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        answer = expect_closed(client, {421})
    assert b"evil.example" in answer.body and b"`hosts`" in answer.body


def test_slow_head(connect):
    """A byte a second is no progress: a head has ten seconds, whatever trickles in."""
    started = time.monotonic()
    with connect() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: ")
        while client.silent(1):
            client.send(b"x")
            assert time.monotonic() - started < 10 * SLACK
        expect_closed(client, {408})
    assert time.monotonic() - started > 9


def test_keep_alive(connect):
    with connect() as client:
        for i in range(20):
            client.send(b"GET /%d HTTP/1.1\r\n" % i + HOST + b"\r\n")
            answer = client.read_answer()
            assert (answer.status, answer.body) == (200, b"GET /%d 0" % i)
            assert "Connection" not in answer.fields


def test_close_is_heeded(connect, recorder):
    with connect() as client:
        client.send(b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\nGET /b HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = client.read_answer()
        assert (answer.status, answer.fields["Connection"]) == (200, "close")
        assert client.read_to_end() == b""
    assert recorder.targets() == ["/a"]


def test_http_1_0(connect):
    with connect() as client:
        client.send(b"GET /a HTTP/1.0\r\n" + HOST + b"\r\n")
        answer = client.read_answer()
        assert (answer.status, answer.body, answer.fields["Connection"]) == (200, b"GET /a 0", "close")
        assert client.read_to_end() == b""


def test_pipelining(connect, recorder):
    """Requests sent at once, some with bodies, are answered one after another in their order."""
    requests, answers = b"", []
    for i in range(30):
        kind = i % 3
        if kind == 0:
            requests += b"GET /%d HTTP/1.1\r\n" % i + HOST + b"\r\n"
        elif kind == 1:
            requests += b"POST /%d HTTP/1.1\r\n" % i + HOST + b"Content-Length: %d\r\n\r\n" % i + b"x" * i
        else:
            requests += (b"POST /%d HTTP/1.1\r\n" % i + HOST + b"Transfer-Encoding: chunked\r\n\r\n" +
                         b"%x\r\n" % i + b"y" * i + b"\r\n0\r\n\r\n")
        answers.append(b"%s /%d %d" % (b"POST" if kind else b"GET", i, i if kind else 0))
    with connect() as client:
        client.send(requests)
        assert [client.read_answer().body for _ in answers] == answers
        assert client.silent(0.1)
    assert recorder.targets() == [f"/{i}" for i in range(30)]


def test_pipelining_byte_by_byte(connect, recorder):
    with connect() as client:
        for byte in (b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc\r\n" +
                     b"POST /b HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n0\r\nT: u\r\n\r\n"):
            client.send(bytes([byte]))
        assert [client.read_answer().body for _ in "ab"] == [b"POST /a 3", b"POST /b 2"]
    assert [request.body for request in recorder.requests] == [b"abc", b"de"]


def test_a_refused_request_ends_the_pipeline(connect, recorder):
    with connect() as client:
        client.send(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n" + POST + b"Content-Length: x\r\n\r\n" +
                    b"GET /b HTTP/1.1\r\n" + HOST + b"\r\n")
        assert client.read_answer().body == b"GET /a 0"
        expect_closed(client, {400})
    assert recorder.targets() == ["/a"]


def test_head(connect):
    with connect() as client:
        for _ in range(2):
            client.send(b"HEAD /x HTTP/1.1\r\n" + HOST + b"\r\nGET /y HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = client.read_answer("HEAD")
            assert (answer.status, answer.fields["Content-Length"]) == (200, str(len("HEAD /x 0")))
            assert client.read_answer().body == b"GET /y 0"
        client.send(b"HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert client.read_answer("HEAD").status == 421
        assert client.read_to_end() == b""


def test_expect_continue(connect, recorder):
    with connect() as client:
        for _ in range(2):
            client.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            assert client.read_to(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert client.send(b"hello").read_answer().body == b"POST /echo 5"
    assert all("Expect" not in request.fields for request in recorder.requests)


def test_expect_continue_is_not_owed_to_who_does_not_wait(connect):
    with connect() as client:
        client.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
        first = client.read_to(b"\r\n")
        assert first in (b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 200 OK\r\n")


def test_expect_continue_refused(connect, recorder):
    """A refused request's body is never asked for."""
    with connect() as client:
        client.send(LIMITED + b"Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n")
        expect_closed(client, {413})
    with connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        expect_closed(client, {421})
    assert recorder.targets() == []


def test_body_at_the_limit(connect, recorder):
    with connect() as client:
        client.send(LIMITED + b"Content-Length: 1024\r\n\r\n" + b"x" * 1024)
        assert client.read_answer().body == b"POST /limited/x 1024"
        client.send(LIMITED + b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n")
        assert client.read_answer().body == b"POST /limited/x 1024"
    assert [len(request.body) for request in recorder.requests] == [1024, 1024]


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PROBES = {
    "CL.TE": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (len(SMUGGLED) + 5) + SMUGGLED,
    "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n",
    "CL.0": b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "TE.0": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n",
    "TE.TE, one unknown": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "blank before the colon": b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n" %
                              (len(SMUGGLED) + 5) + SMUGGLED,
    "behind a bare LF": b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n" %
                        (len(SMUGGLED) + 5) + SMUGGLED,
    "underscores": b"Transfer_Encoding: chunked\r\nContent_Length: 0\r\nContent-Length: %d\r\n\r\n0\r\n\r\n" %
                   (len(SMUGGLED) + 5) + SMUGGLED,
    "in a chunk's extension": b"Transfer-Encoding: chunked\r\n\r\n2;\n0\r\nxx\r\n2\r\n0\r\n\r\n" + SMUGGLED,
    "in a trailer": b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" %
                    len(SMUGGLED),
    "named hop by hop": b"Connection: Content-Length, close\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "length twice": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
}


@pytest.mark.parametrize("name", PROBES)
def test_smuggling(door, connect, recorder, name):
    """One request at most reaches the program behind; what the client wrote into its body is never another one."""
    with connect() as client:
        client.send(POST + PROBES[name])
        status = client.read_answer().status
        assert status in (200, 400, 501)
    requests = recorder.requests
    for i in range(4):  # on the pooled connections that the probe may have left behind
        assert door.get(f"/{i}")[2] == b"GET /%d 0" % i
    seen = [request.target for request in requests]
    assert seen == ["/echo"] * (status == 200) + ["/0", "/1", "/2", "/3"]
    for request in requests:
        assert not [field for field in request.fields if "_" in field], "a field that others read as another"
        assert not (request.fields["Content-Length"] and request.fields["Transfer-Encoding"])


def test_an_upgrade_that_is_refused(connect, recorder):
    """What follows belongs to the protocol that the client hoped for: it is taken neither for a request nor passed."""
    with connect() as client:
        client.send(handshake("/ws") + SMUGGLED)
        answer = client.read_answer()
        assert (answer.body, answer.fields["Connection"]) == (b"GET /ws 0", "close")
        assert client.read_to_end() == b""
    assert recorder.targets() == ["/ws"]


def test_a_frame_is_no_request(connect):
    with connect() as client:
        expect_closed(client.send(frame(1, b"hello")), {400})


def test_nothing_stays_open(door, connect):
    """Connections that end in all ways are closed on reeve's side as well."""
    starts = [b"", b"GE", POST + b"Content-Length: 9\r\n\r\nabc", GET + HOST + b"\r\n", GET + b"\r\n"]
    for i in range(100):
        with connect() as client:
            client.send(starts[i % 5])
            if i % 2:
                client.reset()
    wait_for(lambda: not connections_at(door.port), 5, "the last connection to be closed")
