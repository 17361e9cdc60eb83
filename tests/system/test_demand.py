"""A cold `start: demand` service and fifty clients at once (design §4 "Single flight", §7.2)."""
import collections
import concurrent.futures
import contextlib
import email
import json
import os
import select
import socket
import threading
import time

import pytest

from conftest import PYTHON, SLACK, program, seconds, wait_for

CLIENTS = 50
Answer = collections.namedtuple("Answer", "status fields body first_byte")
HANDSHAKE = ("Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


class Client:
    """One connection; knows when the first byte of its answer came."""

    def __init__(self, reeve, number):
        self.number, self.kind = number, ("websocket", "get", "post")[number % 3]
        self.socket = socket.create_connection(("127.0.0.1", reeve.port), timeout=60)

    def ask(self):
        path = f"/{self.kind}/{self.number}"
        if self.kind == "post":
            request = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
        else:
            request = f"GET {path} HTTP/1.1\r\n" + (HANDSHAKE if self.kind == "websocket" else "Host: localhost\r\n")
            request += "\r\n"
        self.socket.sendall(request.encode())

    def answer(self):
        assert select.select([self.socket], [], [], 60)[0], f"{self.kind} {self.number} was never answered"
        first_byte, data = time.monotonic(), b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(65536)
            assert piece, f"{self.kind} {self.number}: the connection ended after {data!r}"
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, _, fields = head.decode().partition("\r\n")
        fields = email.message_from_string(fields)
        while len(body) < int(fields.get("Content-Length", 0)):
            body += self.socket.recv(65536)
        return Answer(int(first.split()[1]), fields, body, first_byte)

    def echo(self):
        self.socket.sendall(b"x" * 1000)
        data = b""
        while len(data) < 1000:
            piece = self.socket.recv(65536)
            assert piece, f"the relay ended after {len(data)} bytes"
            data += piece
        return data == b"x" * 1000

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def crowd(reeve):
    """Fifty clients that are connected; with_all(work) runs work(client) for all of them at once."""
    clients = [Client(reeve, number) for number in range(CLIENTS)]
    start = threading.Barrier(CLIENTS)

    def with_all(work):
        def begin(client):
            start.wait(60)
            return work(client)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(begin, clients))

    try:
        yield clients, with_all
    finally:
        for client in clients:
            client.close()


def visit(client):
    client.ask()
    return client.answer()


def events(file):
    """The lines that programs/counted.py has written, as lists of words."""
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def named(file, name):
    return [event for event in events(file) if event[0] == name]


def counted(reeve, *options, **more):
    """A demand service `cold`, and everything routed to it."""
    file = reeve.folder / "events"
    command = [*program("counted.py").split(", "), "--port", "${PORT}", "--record", str(file), *options]
    service = {"command": command, "start": "demand"} | more
    reeve.start(f"services: {{cold: {json.dumps(service)}}}\nroutes: [{{path: /*, to: cold}}]\n", workers=2)
    return file


def open_connections(reeve):
    return sum(gate["open"] for gate in reeve.status()["gates"])


def assert_unavailable(answer, kind):
    """503 with its cause for programs, and when to come again."""
    assert answer.status == 503, answer
    assert 1 <= int(answer.fields["Retry-After"]) <= 60
    assert answer.fields["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["target"] == "cold" and problem["cause"]["kind"] == kind and problem["cause"]["text"], problem


def assert_nothing_left(reeve):
    """No process of the service, and nobody who wants one."""
    wait_for(lambda: reeve.target("cold")["wanted"] == "down", what="nobody to want it")
    wait_for(lambda: reeve.target("cold")["run"]["pid"] is None, what="its run to be over")
    wait_for(lambda: not [pid for pid in reeve.left() if pid not in reeve.gates()], 5, "the run's processes to end")


def test_fifty_clients_share_one_start(reeve):
    file = counted(reeve, "--delay", "1", "--hesitate", "0.1")
    assert not file.exists()
    with crowd(reeve) as (clients, with_all):
        answers = with_all(visit)
        assert len(named(file, "start")) == 1
        assert named(file, "early") == []
        accepted = {path: float(at) for _, path, at in named(file, "accept")}
        for client, answer in zip(clients, answers):
            if client.kind == "websocket":
                assert answer.status == 101, answer
                assert answer.first_byte >= accepted[f"/websocket/{client.number}"], "101 came before the backend's"
            else:
                assert answer.status == 200, answer
        assert all(client.echo() for client in clients if client.kind == "websocket")
        wanted = sorted(["request", client.kind.upper(), f"/{client.kind}/{client.number}",
                         "5" if client.kind == "post" else "0"] for client in clients if client.kind != "websocket")
        assert sorted(named(file, "request")) == wanted, "each request reaches the service exactly once"
    spawns = [row for row in stop_and_read_journal(reeve) if row[:2] == ("cold", "spawn")]
    assert len(spawns) == 1


def stop_and_read_journal(reeve):
    reeve.stop()
    return reeve.journal()


def test_bytes_behind_the_handshake_wait_for_the_backends_101(reeve):
    """Some clients do not wait for 101 before their first frame; the backend must not see it before its own."""
    file = counted(reeve, "--delay", "0.5", "--hesitate", "0.3")
    client = Client(reeve, 0)
    client.ask()
    client.socket.sendall(b"early bird")
    answer = client.answer()
    assert answer.status == 101
    echoed = answer.body
    while len(echoed) < len(b"early bird"):
        echoed += client.socket.recv(100)
    assert echoed == b"early bird"
    assert named(file, "early") == []
    client.close()


@pytest.mark.parametrize("command, kind, text", [
    (["/does/not/exist", "${PORT}"], "exec", "No such file or directory"),
    ("exits", "exit", "exited with 3"),
    ([PYTHON, "-c", "import signal; signal.pause()", "${PORT}"], "not-ready", "did not listen"),
], ids=["no such command", "exits at once", "never listens"])
def test_fifty_clients_of_a_start_that_fails(reeve, command, kind, text):
    file = reeve.folder / "events"
    if command == "exits":
        command = [*program("counted.py").split(", "), "--record", str(file), "--code", "3", "--port", "${PORT}"]
    patience = "1s" if kind == "not-ready" else "60s"  # a machine may need a second to start a program
    service = {"command": command, "start": "demand", "ready": {"timeout": patience}, "backoff": {"initial": "20s"}}
    reeve.start(f"services: {{cold: {json.dumps(service)}}}\nroutes: [{{path: /*, to: cold}}]\n", workers=2)
    with crowd(reeve) as (_, with_all):
        for answer in with_all(visit):
            assert_unavailable(answer, kind)
            assert text in json.loads(answer.body)["cause"]["text"]
    assert reeve.target("cold")["restarts"] == 0
    assert_nothing_left(reeve)
    assert len(named(file, "start")) == (1 if kind == "exit" else 0)
    reeve.stop()
    spawns = [row for row in reeve.journal() if row[:2] == ("cold", "spawn")]
    assert len(spawns) == 1, "one start for all"


def test_a_start_that_all_clients_leave_is_cancelled(reeve):
    file = counted(reeve, "--delay", "100")
    with crowd(reeve) as (clients, with_all):
        with_all(Client.ask)
        wait_for(lambda: open_connections(reeve) == CLIENTS, what="all clients to have arrived")
        row = reeve.wait_state("cold", "starting")
        wait_for(lambda: named(file, "start"), what="the program to start")
        for client in clients[1:]:
            client.close()
        wait_for(lambda: open_connections(reeve) == 1, what="all clients but one to have left")
        assert reeve.target("cold")["state"] == "starting", "one client still waits"
        pid = row["run"]["pid"]
    assert_nothing_left(reeve)
    assert not os.path.exists(f"/proc/{pid}")
    assert len(named(file, "start")) == 1
    assert reeve.target("cold")["cause"]["text"] == "nobody waited for it any more"
    reeve.stop()


def test_in_backoff_the_answer_comes_at_once_and_says_when(reeve):
    service = {"command": ["/does/not/exist", "${PORT}"], "start": "demand", "backoff": {"initial": "30s"}}
    reeve.start(f"services: {{cold: {json.dumps(service)}}}\nroutes: [{{path: /*, to: cold}}]\n")
    assert reeve.get()[0] == 503  # this is the attempt that failed
    begun = time.monotonic()
    status, fields, body = reeve.get()
    took = time.monotonic() - begun
    assert status == 503 and took < 0.2 * SLACK
    wait = int(fields["Retry-After"])
    assert 20 <= wait <= 36, "30 s with jitter of a fifth, rounded up"
    row = reeve.target("cold")
    assert row["state"] == "backoff"
    assert seconds(json.loads(body)["retry_at"]) == pytest.approx(seconds(row["next_attempt"]), abs=0.01)


def test_a_post_is_sent_once_though_the_service_dies_over_it(reeve):
    file = counted(reeve, "--delay", "0.3", backoff={"initial": "50ms"})
    status, _, _ = reeve.get("/die", method="POST", body=b"once")
    assert status == 502
    # Until the kernel has closed all that the service had open, its listener may still take a connection: 502.
    wait_for(lambda: reeve.get("/alive", method="POST", body=b"again")[0] == 200, what="the service to be back")
    assert named(file, "request") == [["request", "POST", "/die", "4"], ["request", "POST", "/alive", "5"]]
