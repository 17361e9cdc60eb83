"""A client of ttyd's protocol as ttyd 1.7's own page speaks it: the token first, then a WebSocket with the subprotocol `tty`
whose first message is JSON, then one type byte and its data in each message."""
import contextlib
import http.client
import json
import socket
import threading

from conftest import wait_for
from peers import Peer, frame, handshake

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10


def get(port, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def knock(port, path, headers=None):
    """A handshake: the answer, and the connection when it is 101."""
    fields = {name.replace("-", "_"): value for name, value in (headers or {}).items()}
    peer = Peer.connect(port, timeout=90)
    peer.send(handshake(path, Sec_WebSocket_Protocol="tty", **fields))
    answer = peer.read_answer()
    if answer.status != 101:
        peer.socket.close()
    return answer, peer


class Ttyd:
    """One client; a thread reads whatever comes. `ours`: it asks for messages that ttyd does not have."""

    def __init__(self, port, base, columns=80, rows=24, headers=None, token=True, ours=False):
        secret = ""
        if token:
            status, _, body = get(port, base + "token", headers)
            assert status == 200, (status, body)
            secret = json.loads(body)["token"]
        answer, self.peer = knock(port, base + "ws" if token else base, headers)
        assert answer.status == 101, answer
        assert answer.fields["Sec-WebSocket-Protocol"] == "tty"
        self.messages, self.output, self.code, self.reason, self.ended = [], b"", None, "", False
        self.pongs = []
        self.reading = threading.Event()
        self.reading.set()
        self.peer.socket.settimeout(None)
        self.send(json.dumps({"AuthToken": secret, "columns": columns, "rows": rows} | ({"reeve": True} if ours else {})))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while True:
                self.reading.wait()
                opcode, payload, final = self.peer.read_frame()
                assert final
                if opcode == PING:
                    self.peer.send(frame(PONG, payload))
                elif opcode == CLOSE:
                    self.reason = payload[2:].decode()
                    self.code = int.from_bytes(payload[:2], "big")  # what await_close() waits for: at last
                    self.peer.send(frame(CLOSE, payload[:2]))
                elif opcode == PONG:
                    self.pongs.append(payload)
                elif opcode == BINARY:
                    self.messages.append(payload)
                    if payload[:1] == b"0":
                        self.output += payload[1:]
        except (OSError, AssertionError):
            self.ended = True

    def send(self, data):
        self.peer.send(frame(BINARY, data.encode() if isinstance(data, str) else data))
        return self

    def type(self, text):
        return self.send(b"0" + (text.encode() if isinstance(text, str) else text))

    def resize(self, columns, rows):
        return self.send("1" + json.dumps({"columns": columns, "rows": rows}))

    def await_heard(self):
        """Whatever was sent before has been taken in: the pong to a ping behind it has come."""
        nonce = str(len(self.pongs)).encode()
        self.peer.send(frame(PING, nonce))
        wait_for(lambda: nonce in self.pongs, 20, "a pong")
        return self

    def saw(self, text, since=0):
        return text.encode() in self.output[since:]

    def await_text(self, text, since=0, timeout=20):
        wait_for(lambda: self.saw(text, since), timeout, f"{text!r}; {self.code} {self.reason}; {self.output[-1500:]!r}")
        return self

    def await_message(self, kind, text):
        wait_for(lambda: any(m[:1] == kind and text.encode() in m for m in list(self.messages)), 20, f"{kind} {text!r}")
        return self

    def await_close(self):
        wait_for(lambda: self.code is not None or self.ended, 20, "a close frame")
        return self.code

    def close(self):
        with contextlib.suppress(OSError):
            self.peer.socket.shutdown(socket.SHUT_RDWR)  # the thread reads: close() alone would wait for it
        self.peer.socket.close()
