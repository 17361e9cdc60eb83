"""An HTTP and WebSocket service that writes down what happens to it, one line per event:

start PID · listen PID · request METHOD PATH SIZE · early BYTES (from a client, before our 101) ·
accept PATH TIME (CLOCK_MONOTONIC just before our 101) · stop PID

Options: --port N; --record FILE; --name NAME (put before each line); --delay SECONDS before it listens; --after FILE: it
listens when that is there; --warm SECONDS of 503 on /health after that; --warm-until FILE: 503 until that is there; --hesitate SECONDS before each 101; --code N: exit with it at once.
POST /die: ends without an answer."""
import argparse
import base64
import hashlib
import os
import select
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--record", required=True)
parser.add_argument("--name", default="")
parser.add_argument("--delay", type=float, default=0)
parser.add_argument("--after")
parser.add_argument("--warm", type=float, default=0)
parser.add_argument("--warm-until")
parser.add_argument("--hesitate", type=float, default=0)
parser.add_argument("--code", type=int)
options = parser.parse_args()


def record(*words):
    line = " ".join(map(str, [options.name, *words] if options.name else words)) + "\n"
    descriptor = os.open(options.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def missing(path):
    return path is not None and not os.path.exists(path)


class Counted(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade"):
            self.upgrade()
        else:
            self.answer()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        record("request", self.command, self.path, len(body))
        if self.path == "/die":
            os._exit(9)
        cold = self.path == "/health" and (time.monotonic() < self.server.warm_at or missing(options.warm_until))
        data = f"{os.getpid()}\n".encode()
        self.send_response(503 if cold else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = answer

    def upgrade(self):
        """Answers the handshake, then gives every byte back."""
        self.close_connection = True
        if select.select([self.connection], [], [], options.hesitate)[0]:
            record("early", len(self.connection.recv(65536)))
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        record("accept", self.path, time.monotonic())
        self.connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        while data := self.connection.recv(65536):
            self.connection.sendall(data)

    def setup(self):
        super().setup()
        self.rfile = self.connection.makefile("rb", 0)  # unbuffered: what follows a head stays in the socket

    def log_message(self, *_):
        pass


def stop(*_):
    record("stop", os.getpid())
    os._exit(0)


signal.signal(signal.SIGTERM, stop)  # before anybody can know that it runs
record("start", os.getpid())
if options.code is not None:
    sys.exit(options.code)
time.sleep(options.delay)
while missing(options.after):
    time.sleep(0.005)
ThreadingHTTPServer.request_queue_size = 128
server = ThreadingHTTPServer(("127.0.0.1", options.port), Counted, bind_and_activate=False)
server.warm_at = time.monotonic() + options.warm
server.server_bind()
record("listen", os.getpid())  # before anybody can see it, and start what depends on it
server.server_activate()
print("listens", flush=True)
server.serve_forever()
