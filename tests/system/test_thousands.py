"""Thousands of streams on one gate: relays and readers at once, and the goodbye to all of them."""
import collections
import contextlib
import os
import resource
import select
import socket
import struct
import time

import pytest

from conftest import SLACK, wait_for
from eventstreams import Readers
from peers import ACCEPTED, Backend, Peer, frame, handshake
from test_relay import private_memory
from test_websocket_routes import all_listed

MANY, DRAIN, RESTART = 5000, 10, (1012).to_bytes(2, "big")
TIMESTAMP = 35  # SO_TIMESTAMPNS: when the kernel took in what is read, however late that is


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def receive(connection):
    """What has come, and when the last of it did."""
    data, about, _, _ = connection.recvmsg(100, 100)
    times = [struct.unpack("qq", value) for _, kind, value in about if kind == TIMESTAMP]
    return data, times[0][0] + times[0][1] / 1e9


class Crowd:
    """So many WebSockets, both ends of each in this process."""

    def __init__(self, port, backend, count):
        self.epoll, self.clients, self.programs, self.pairs, self.told = select.epoll(), {}, {}, [], []
        for _ in range(count):
            client = Peer.connect(port)
            client.send(handshake("/raw/x"))
            peer, _ = backend.accept_request()
            peer.send(ACCEPTED)
            assert client.read_answer().status == 101
            client.socket.setsockopt(socket.SOL_SOCKET, TIMESTAMP, 1)
            self.clients[client.socket.fileno()] = client.socket
            self.programs[peer.socket.fileno()] = peer.socket
            self.pairs.append((client, peer))
        for fd in (*self.clients, *self.programs):
            self.epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP)

    def echo(self, pairs):
        for client, peer in pairs:
            client.send(frame(1, b"ping"))
            assert peer.read(10) == frame(1, b"ping")
            peer.send(frame(1, b"pong", masked=False))
            assert client.read_frame() == (1, b"pong", True)

    def listen(self, seconds):
        """Takes goodbyes, and answers each as it should; the close that comes through to a program ends that side."""
        for fd, _ in self.epoll.poll(seconds, 256):
            if fd in self.programs:
                self.programs.pop(fd).close()
                continue
            client = self.clients.pop(fd)
            self.told.append(receive(client))
            with contextlib.suppress(OSError):  # this process was late, and the gate did not wait
                client.sendall(frame(8, RESTART))
            client.close()

    def close(self):
        for connection in (*self.clients.values(), *self.programs.values()):
            connection.close()
        self.epoll.close()


def evenly(times, held_up=0.25):
    """No second has more than twice the mean. Who was held up himself (a gate of whom nobody hears for longer than that)
    tells the rest in less time: what he lost of it, but for one second, counts."""
    times = sorted(times)
    buckets = collections.Counter(int(at - times[0]) for at in times)
    lost = sum(max(after - before - held_up, 0) for before, after in zip(times, times[1:]))
    most = 2 * MANY / DRAIN * (1 + max(lost - 1, 0))
    assert max(buckets.values()) <= most, f"{sorted(buckets.items())}, held up for {lost:.2f} s"
    return [buckets[i] for i in range(max(buckets) + 1)]


def test_relays_and_readers_at_once_and_their_goodbye(make_reeve, folder, many_descriptors):
    """5,000 idle relays and 5,000 readers at once on one gate: little memory each, all of them alive and listed. Then
    another reeve takes the port over: the gate tells everybody over 10 s, and the readers go on where they were."""
    reeve, path = make_reeve(), folder / "events.jsonl"
    path.write_bytes(b"0 0\n")
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Backend())
        reeve.start(f"""
services: {{backend: {{address: "http://127.0.0.1:{backend.port}"}}}}
routes:
  - {{path: /raw/*, to: backend, websocket: {{ping: 1h}}}}
  - {{path: /events, events: {{file: "{path}"}}}}
""", {"ASAN_OPTIONS": sanitizer}, workers=1, drain=f"{{timeout: {DRAIN + 3}s}}")
        gate = reeve.gates()[0]
        alone = private_memory(gate)
        crowd = stack.enter_context(contextlib.closing(Crowd(reeve.port, backend, MANY)))
        relays = private_memory(gate)
        readers = stack.enter_context(contextlib.closing(Readers(reeve.port, "/events", MANY, 1, away_ms=50, held=True)))
        wait_for(lambda: readers.ask()["lines"] == MANY, 120, "all readers")
        both = private_memory(gate)
        print(f"bytes each: relay {(relays - alone) / MANY:.0f}, reader {(both - relays) / MANY:.0f}")
        assert relays - alone < MANY * (12 << 10), "AddressSanitizer takes several times what is asked for"
        assert both - relays < MANY * (64 << 10)
        file = stack.enter_context(open(path, "ab", buffering=0))
        crowd.echo(crowd.pairs[::20])
        file.write(b"0 1\n")
        wait_for(lambda: readers.ask()["lines"] == 2 * MANY, 120, "a line for all")
        crowd.echo(crowd.pairs[7::20])
        assert readers.ask()["open"] == MANY
        rows = all_listed(reeve)
        assert (len(rows["connections"]), rows["more"]) == (MANY, MANY)  # no more of one gate are listed
        assert reeve.gates() == [gate]

        reeve.kill_keeper()
        reeve.spawn()  # takes the port over from the gate, which tells its streams to come back
        end, number, due = time.monotonic() + 120 * SLACK, 2, 0
        while crowd.programs or readers.ask()["byes"] < MANY:
            assert time.monotonic() < end, (len(crowd.told), readers.ask())
            if time.monotonic() > due:  # what is lost in between would be a gap
                file.write(b"0 %d\n" % number)
                number, due = number + 1, time.monotonic() + 0.5
            crowd.listen(0.1)
        file.write(b"0 %d end\n" % number)
        counts, told = readers.finish(120)
    assert (counts["gaps"], counts["resets"], counts["others"], counts["byes"]) == (0, 0, 0, MANY), (counts, told)
    assert counts["lines"] == MANY * (number + 1)
    assert {said for said, _ in crowd.told} == {b"\x88\x02" + RESTART}
    print("relays", evenly([at for _, at in crowd.told]))
    print("readers", evenly([at / 1000 for at in counts["told"]]))
