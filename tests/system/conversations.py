"""Random WebSocket conversations between two ends that a test plays, from a printed seed: what each end sends, in which
pieces, with which pauses, and how it ends; and what each end has heard."""
import contextlib
import select
import socket
import struct
import threading
import time

from peers import ACCEPTED, Peer, handshake

SMALL, MEDIUM, LARGE = (0, 130), (130, 70000), (70000, 4 << 20)
OPCODES = {"text": 1, "binary": 2, "ping": 9, "pong": 10}


def head(opcode, size, final, mask):
    length = (bytes([size]) if size < 126 else
              b"\x7e" + struct.pack(">H", size) if size < 65536 else b"\x7f" + struct.pack(">Q", size))
    return bytes([opcode | 0x80 * final, length[0] | 0x80 * bool(mask)]) + length[1:] + (mask or b"")


def size_of(dice, largest):
    if largest and dice.random() < 0.1:
        return largest
    return dice.randint(*dice.choices([SMALL, MEDIUM, LARGE], [80, 15, 3])[0])


def message(dice, mask, largest):
    """One message in fragments, with control frames between them. Whatever is in it: its payload is not looked at."""
    kind = dice.choice(["text", "binary", "binary", "ping", "pong"])
    if kind in ("ping", "pong"):
        size = dice.randint(0, 125)
        return [head(OPCODES[kind], size, True, mask() if mask else None) + dice.randbytes(size)]
    count, frames = dice.choice([1, 1, 1, 2, 5]), []
    for i in range(count):
        size = size_of(dice, largest if i == 0 else 0)
        frames.append(head(OPCODES[kind] if i == 0 else 0, size, i == count - 1, mask() if mask else None))
        frames.append(dice.randbytes(size))
        if i < count - 1 and dice.random() < 0.3:
            frames.append(head(9, 4, True, mask() if mask else None) + dice.randbytes(4))
    return frames


class Script:
    """What one end sends, as pieces with a pause before each; `stalls`: pauses before it reads."""

    def __init__(self, dice, masked, messages, largest, says_goodbye):
        mask = (lambda: dice.randbytes(4)) if masked else None
        frames = [part for _ in range(messages) for part in message(dice, mask, largest)]
        if says_goodbye:
            # zero as mask: the code stays one that may be sent
            reason = b"r" * dice.randint(0, 123)
            code = struct.pack(">H", dice.choice([1000, 1001, 1011, 3000, 4999]))
            frames.append(head(8, 2 + len(reason), True, bytes(4) if masked else None) + code + reason)
        self.bytes = b"".join(frames)
        self.cuts = sorted(dice.randrange(len(self.bytes) + 1) for _ in range(dice.randint(0, 30)))
        self.pauses = [dice.choice([0, 0, 0, 0.001, 0.01]) for _ in self.cuts] + [0]
        self.stalls = [dice.choice([0, 0, 0, 0, 0.005, 0.05]) for _ in range(40)]

    def send(self, connection):
        pieces = zip([0, *self.cuts], [*self.cuts, len(self.bytes)], self.pauses)
        view = memoryview(self.bytes)
        for start, end, pause in pieces:
            if pause:
                time.sleep(pause)
            connection.sendall(view[start:end])


class Ear(threading.Thread):
    """Reads an end until it is over."""

    def __init__(self, connection, stalls, first=b""):
        super().__init__(daemon=True)
        self.connection, self.stalls, self.heard, self.reset = connection, list(stalls), [first], False
        self.start()

    def run(self):
        while True:
            if self.stalls:
                time.sleep(self.stalls.pop())
            try:
                piece = self.connection.recv(1 << 18)
            except ConnectionError:
                self.reset = True
                return
            if not piece:
                return
            self.heard.append(piece)

    def result(self):
        self.join(120)
        assert not self.is_alive(), "the connection does not end"
        return b"".join(self.heard)


def converse(client, backend, scripts):
    """Joins two connected ends and lets them talk; both close their direction when they have said all."""
    ears = [Ear(end.socket, script.stalls, end.take(len(end.buffer)))
            for end, script in zip((client, backend), (scripts[1], scripts[0]))]
    mouths = []
    for end, script in zip((client, backend), scripts):
        def speak(end=end, script=script):
            with contextlib.suppress(ConnectionError):
                script.send(end.socket)
                end.socket.shutdown(socket.SHUT_WR)
        mouths.append(threading.Thread(target=speak, daemon=True))
        mouths[-1].start()
    for mouth in mouths:
        mouth.join(120)
        assert not mouth.is_alive(), "nobody takes what is sent"
    return [ear.result() for ear in ears]


@contextlib.contextmanager
def joined(port, backend, path):
    """A client and the backend's end of its WebSocket, both behind their handshake."""
    with Peer.connect(port, timeout=120) as client:
        client.send(handshake(path))
        with backend.accept_request()[0] as peer:
            peer.socket.settimeout(120)
            peer.send(ACCEPTED)
            assert client.read_answer().status == 101
            yield client, peer


def readable(connection, seconds):
    return bool(select.select([connection], [], [], seconds)[0])
