"""Event streams of a service: passed on at once and as they are, ended as those of reeve itself are."""
import json
import time

import pytest

from conftest import wait_for
from people import add_user, make_token
from peers import Backend, Peer, read_fields, within
from test_websocket_routes import all_listed

EVENT = b"id: 7\ndata: {\"n\": 7}\n\n"


@pytest.fixture
def backend():
    with Backend() as listening:
        yield listening


def configure(reeve, backend, auth="", keys=""):
    return reeve.configure(f"""
services:
  app: {{address: "http://127.0.0.1:{backend.port}"}}
  other: {{address: "http://127.0.0.1:{backend.port}"}}
{auth}
routes:
  - {{path: /events, to: app{keys}}}
  - {{path: /other, to: other}}
""")


def ready(reeve):
    wait_for(lambda: reeve.get("/ready")[0] == 200, 20, "reeve to be ready")


class Passage:
    """One stream: the client's end and the service's."""

    def __init__(self, reeve, backend, path="/events", fields="", credential="", version="1.1"):
        self.client = Peer.connect(reeve.port)
        self.client.send(f"GET {path} HTTP/{version}\r\nHost: 127.0.0.1\r\n{credential}\r\n")
        while True:  # reeve itself looks whether somebody listens there
            self.service = backend.accept()
            if self.service.read_request():
                break
        self.service.send(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n{fields}"
                          "Connection: close\r\n\r\n")
        first, self.fields = read_fields(self.client.read_to(b"\r\n\r\n"))
        assert " 200 " in first

    def write(self, data):
        """The service writes, and the client has it before anything else comes."""
        self.service.send(data)
        assert self.client.read(int(self.client.read_to(b"\r\n"), 16)) == data
        assert self.client.read(2) == b"\r\n"

    def last_words(self):
        """What reeve adds at the end of a whole body."""
        return self.client.read_chunks().decode()

    def cut(self):
        assert self.client.read_to_end() == b""

    def service_is_left(self):
        assert self.service.read_to_end() == b""

    def close(self):
        self.client.socket.close()
        self.service.socket.close()


def test_passes_at_once(reeve, backend):
    configure(reeve, backend, keys=", timeout: {response: 1m, idle: 200ms}")
    reeve.start()
    ready(reeve)
    passage = Passage(reeve, backend)
    assert passage.fields.get_all("Cache-Control") == ["no-transform"]
    assert passage.fields.get_all("X-Accel-Buffering") == ["no"]
    passage.write(b":\n\n")
    assert passage.client.silent(0.8)  # no time-out for a stream that has nothing to say
    wait_for(lambda: [(row["kind"], row["target"]) for row in json.loads(reeve.verb("connections", "--json").stdout)["connections"]]
             == [("events", "app")], 20, "it to be listed with its target")
    passage.write(EVENT)
    passage.close()
    passage = Passage(reeve, backend, fields="Cache-Control: no-cache, No-Transform\r\nX-Accel-Buffering: yes\r\n")
    assert passage.fields.get_all("Cache-Control") == ["no-cache, No-Transform"]
    assert passage.fields.get_all("X-Accel-Buffering") == ["yes"]
    passage.close()


ENDS = {"between events": ("", EVENT, True), "no event yet": ("", b"", True), "CRLF": ("", b"data: x\r\n\r\n", True),
        "CR": ("", b"data: x\r\r", True), "after a line": ("", b"data: x\n", False), "CRLF line": ("", b"data: x\r\n", False),
        "within a line": ("", b"data: {", False), "coded": ("Content-Encoding: gzip\r\n", b"\x1f\x8b\n\n", False)}


def test_credential_that_ends(reeve, backend):
    configure(reeve, backend, "auth: {method: password, users: ./users}", keys=", allow: [signed-in]")
    add_user(reeve, "ann")
    reeve.start()
    ready(reeve)
    for number, (what, (fields, before, speaks)) in enumerate(ENDS.items()):
        token = make_token(reeve, f"robot-{number}")
        passage = Passage(reeve, backend, fields=fields, credential=f"Authorization: Bearer {token}\r\n")
        for i in range(len(before)):  # byte by byte: what is looked at is put together
            passage.write(before[i:i + 1])
        began = time.monotonic()
        reeve.verb("token", "revoke", f"robot-{number}")
        if speaks:
            assert passage.last_words() == 'event: auth\ndata: {"reason":"signed-out"}\n\n', what
        else:
            passage.cut()
        within(5, began)
        passage.service_is_left()
        passage.close()


def test_length_that_was_promised(reeve, backend):
    configure(reeve, backend)
    reeve.start()
    ready(reeve)
    passage = Passage(reeve, backend, fields="Content-Length: 1000\r\n")
    passage.service.send(EVENT)
    assert passage.client.read(len(EVENT)) == EVENT
    reeve.stop()
    passage.cut()
    passage.close()


def bye(words):
    retry, name, data = words.rstrip().replace("\n\n", "\n").split("\n")
    assert name == "event: bye" and retry == f"retry: {json.loads(data.removeprefix('data: '))['retry_ms']}"


def test_route_that_changes(reeve, backend):
    configure(reeve, backend)
    reeve.start()
    ready(reeve)
    changed, kept = Passage(reeve, backend), Passage(reeve, backend, "/other")
    changed.write(EVENT)
    configure(reeve, backend, keys=", body: {max: 1M}")
    reeve.verb("reload")
    bye(changed.last_words())
    changed.service_is_left()
    kept.write(EVENT)
    reeve.stop()
    bye(kept.last_words())
    changed.close()
    kept.close()


def test_old_client(reeve, backend):
    """HTTP/1.0: no chunks; the end is the connection's."""
    configure(reeve, backend)
    reeve.start()
    ready(reeve)
    passage = Passage(reeve, backend, version="1.0")
    passage.service.send(EVENT)
    assert passage.client.read(len(EVENT)) == EVENT
    reeve.stop()
    bye(passage.client.read_to_end().decode())
    passage.close()


def test_one_too_many_is_refused_over_all_gates(reeve, backend):
    """An EventSource before the service hears of it; whoever accepts other things too when it has answered."""
    def refused(client):
        answer = client.read_answer()
        assert answer.status == 503 and int(answer.fields["Retry-After"]) >= 1 and b"limits.streams" in answer.body
        client.socket.close()

    def ask(accept=""):
        return Peer.connect(reeve.port).send(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{accept}\r\n")

    configure(reeve, backend, keys=", limits: {streams: 3}")
    reeve.file.write_text(reeve.file.read_text() + "workers: 2\n")
    reeve.start()
    ready(reeve)
    passages = [Passage(reeve, backend) for _ in range(3)]
    for _ in range(4):  # whichever gate takes it
        refused(ask("Accept: text/event-stream\r\n"))
    for _ in range(4):
        client = ask()
        with backend.accept_request()[0] as service:
            service.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            refused(client)
            assert service.read_to_end() == b""
    for passage in passages:
        passage.write(EVENT)
    passages.pop().close()
    wait_for(lambda: len(all_listed(reeve)["connections"]) == 2, 10, "it to be gone")
    passages.append(Passage(reeve, backend, fields="", credential="Accept: text/event-stream\r\n"))
    for passage in passages:
        passage.close()
