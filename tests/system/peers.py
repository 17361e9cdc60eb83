"""Peers that a test plays by hand, byte for byte: a client of reeve, a backend behind it, one that keeps a record."""
import collections
import contextlib
import http.client
import io
import select
import socket
import struct
import threading
import time

import pytest

from conftest import SLACK

MASK = b"\x01\x02\x03\x04"
Answer = collections.namedtuple("Answer", "status fields body")
Request = collections.namedtuple("Request", "method target fields body")


def read_fields(head):
    """The first line of a head, and its fields."""
    first, _, rest = head.partition(b"\r\n")
    return first.decode("latin-1"), http.client.parse_headers(io.BytesIO(rest))


def frame(opcode, payload=b"", final=True, masked=True):
    """One WebSocket frame; clients mask."""
    size = len(payload)
    length = (bytes([size]) if size < 126 else
              b"\x7e" + struct.pack(">H", size) if size < 65536 else b"\x7f" + struct.pack(">Q", size))
    head = bytes([opcode | 0x80 * final, length[0] | 0x80 * masked]) + length[1:]
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def handshake(path="/", host="127.0.0.1", **more):
    """An opening handshake (RFC 6455 section 1.3's key)."""
    fields = {"Host": host, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} | {name.replace("_", "-"): more[name] for name in more}
    return (f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {fields[name]}\r\n" for name in fields) + "\r\n").encode()


ACCEPTED = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


class Peer:
    """One end of a connection. Every wait has a limit; a connection that ends early fails the test."""

    def __init__(self, connection, timeout=120):
        self.socket, self.buffer = connection, b""
        connection.settimeout(timeout)

    @classmethod
    def connect(cls, port, address="127.0.0.1", timeout=120):
        return cls(socket.create_connection((address, port), timeout=timeout), timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def reset(self):
        """Leaves as a killed process does whose input was not read: the other end sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def more(self):
        """Reads once; False at the end of the stream."""
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def take(self, size):
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read(self, size):
        if size <= len(self.buffer):
            return self.take(size)
        left, pieces = size - len(self.buffer), [self.take(len(self.buffer))]
        while left:
            piece = self.socket.recv(min(left, 1 << 20))
            assert piece, f"the connection ended after {len(pieces)} pieces, {left} bytes early"
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def read_to(self, mark):
        while mark not in self.buffer:
            assert self.more(), f"the connection ended before {mark!r}, after {self.buffer[:500]!r}"
        return self.take(self.buffer.index(mark) + len(mark))

    def read_to_end(self):
        pieces = []
        while True:
            pieces.append(self.take(len(self.buffer)))
            if not self.more():
                return b"".join(pieces)

    def silent(self, seconds=0.3):
        """Nothing has come, and nothing comes for that long: neither bytes nor an end."""
        return not self.buffer and not select.select([self.socket], [], [], seconds)[0]

    def read_chunks(self):
        pieces = []
        while size := int(self.read_to(b"\r\n"), 16):
            pieces.append(self.read(size))
            assert self.read(2) == b"\r\n"
        assert self.read_to(b"\r\n") == b"\r\n"
        return b"".join(pieces)

    def read_answer(self, method="GET"):
        """One final answer, told apart from what follows by its framing alone."""
        first, fields = read_fields(self.read_to(b"\r\n\r\n"))
        status = int(first.split(" ")[1])
        assert first.startswith("HTTP/1.1 "), first
        if method == "HEAD" or status in (101, 204, 304):
            return Answer(status, fields, b"")
        if fields["Transfer-Encoding"]:
            return Answer(status, fields, self.read_chunks())
        if fields["Content-Length"]:
            return Answer(status, fields, self.read(int(fields["Content-Length"])))
        return Answer(status, fields, self.read_to_end())

    def read_request(self):
        """One request, or None when the connection ended in good order before it."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert not self.buffer, f"half a head: {self.buffer!r}"
                return None
        first, fields = read_fields(self.read_to(b"\r\n\r\n"))
        method, target, _ = first.split(" ")
        body = self.read_chunks() if fields["Transfer-Encoding"] else self.read(int(fields["Content-Length"] or 0))
        return Request(method, target, fields, body)

    def read_frame(self):
        """(opcode, payload, final) of one frame without a mask."""
        first, size = self.read(2)
        if size >= 126:
            size = int.from_bytes(self.read(2 if size == 126 else 8), "big")
        return first & 15, self.read(size), bool(first & 0x80)


def says_something(connection, seconds):
    """Waits for the first byte, which stays unread; a connection that ends before it is closed."""
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError):
        if connection.recv(1, socket.MSG_PEEK):
            return True
    connection.close()
    return False


class Backend:
    """A listener behind reeve; the test takes its connections one by one."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.settimeout(120)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        """The next connection on which something is said: every ten seconds reeve also looks whether somebody listens."""
        while True:
            connection = self.listener.accept()[0]
            if says_something(connection, 120):
                return Peer(connection)

    def accept_waiting(self):
        """The connection that waits at the door, or None when nothing is said on it."""
        connection = self.listener.accept()[0]
        return Peer(connection) if says_something(connection, 120) else None

    def accept_request(self):
        """The next connection that asks for something, behind its head, which is returned too: reeve also looks whether
        anybody listens."""
        while True:
            peer = self.accept()
            if peer.more():
                return peer, peer.read_to(b"\r\n\r\n")
            peer.socket.close()

    def forget(self):
        """Drops connections that a failed test has left behind."""
        while select.select([self.listener], [], [], 0)[0]:
            self.listener.accept()[0].close()

    def untouched(self, seconds=0.2):
        """Nobody has connected to say something, and nobody does for that long."""
        end = time.monotonic() + seconds
        while select.select([self.listener], [], [], max(0, end - time.monotonic()))[0]:
            if says_something(self.listener.accept()[0], 120):
                return False
        return True


class Recorder(Backend):
    """Answers every request with what it has understood, and remembers it: what is behind reeve must see each request
    once, and nothing that a client has smuggled in."""

    def __init__(self):
        super().__init__()
        self.listener.settimeout(None)
        self.requests, self.peers = [], []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self.peers.append(self.accept())
                threading.Thread(target=self.serve, args=[self.peers[-1]], daemon=True).start()

    def serve(self, peer):
        peer.socket.settimeout(None)
        with contextlib.suppress(OSError, AssertionError), peer:
            while request := peer.read_request():
                self.requests.append(request)
                body = f"{request.method} {request.target} {len(request.body)}".encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                peer.send(head + (b"" if request.method == "HEAD" else body))

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        super().__exit__()
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)

    def targets(self):
        """The targets of all requests so far; they are forgotten."""
        seen, self.requests = self.requests, []
        return [request.target for request in seen]


def connections_at(port):
    """The connections to a port of 127.0.0.1 whose end there still belongs to a process (proc(5), net/tcp)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    listening = "0A"
    return [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] != listening and row[9] != "0"]


def within(seconds, started):
    """What was promised within `seconds` of `started` (time.monotonic()) has happened in time, as far as a busy machine
    can tell."""
    took = time.monotonic() - started
    if took > seconds * SLACK:
        pytest.fail(f"took {took:.2f} s, promised were {seconds} s")
