"""A program that writes down all that reaches it, one line of JSON per event:

{"start": PID} · {"connect": N} · {"head": TEXT} · {"said": TEXT} (by a WebSocket's client)

Answers every request with 200, an upgrade with 101, and gives a WebSocket's bytes back. Options: --port N, --record FILE."""
import argparse
import base64
import hashlib
import json
import os
import re
import socketserver

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--record", required=True)
options = parser.parse_args()


def record(**event):
    descriptor = os.open(options.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(descriptor, (json.dumps(event) + "\n").encode())
    os.close(descriptor)


class Witness(socketserver.BaseRequestHandler):
    def more_until(self, data, enough):
        """`data` and what comes, until it is enough; None when the connection ends before."""
        while not enough(data):
            if not (more := self.request.recv(65536)):
                return None
            data += more
        return data

    def handle(self):
        record(connect=os.getpid())
        data = self.more_until(b"", lambda data: b"\r\n\r\n" in data)
        if data is None:
            return
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.decode("latin-1")
        record(head=head)
        length = re.search(r"(?im)^content-length: (\d+)\r?$", head)
        if length and self.more_until(body, lambda body: len(body) >= int(length[1])) is None:
            return  # else what is unread at the close would reset the connection, and with it the answer
        key = re.search(r"(?im)^sec-websocket-key: (.*?)\r?$", head)
        if not key:
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            return
        digest = hashlib.sha1((key[1] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.request.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n")
        while said := self.request.recv(65536):
            record(said=said.decode("latin-1"))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


record(start=os.getpid())
Server(("127.0.0.1", options.port), Witness).serve_forever()
