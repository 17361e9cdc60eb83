"""A small HTTP service: counts its starts in a file, tells what it was sent.

Options: --port N (of --address, default 127.0.0.1) or --unix PATH; --starts FILE (a line is appended at each start); --delay SECONDS before it listens."""
import argparse
import hashlib
import json
import os
import pathlib
import signal
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def reply(self, status, data, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def answer(self):
        digest, size = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece)
            size += len(piece)
        if self.path.startswith("/exit/"):
            os._exit(int(self.path.removeprefix("/exit/")))
        if self.path.startswith("/bytes/"):  # that many bytes, streamed
            self.stream(int(self.path.removeprefix("/bytes/")))
            return
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.removeprefix("/slow/")))
        told = {"method": self.command, "path": self.path, "pid": os.getpid(), "size": size,
                "sha256": digest.hexdigest(), "headers": self.headers.items()}
        self.reply(200, json.dumps(told).encode())

    def stream(self, size):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        piece = bytes(range(256)) * 256
        while size > 0:
            data = piece[:size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            size -= len(data)
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def address_string(self):
        return "client"

    def log_message(self, form, *arguments):
        print(form % arguments, flush=True)


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class TcpServer(ThreadingHTTPServer):
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    parser.add_argument("--unix")
    parser.add_argument("--starts", type=pathlib.Path)
    parser.add_argument("--delay", type=float, default=0)
    options = parser.parse_args()
    if options.starts:
        with options.starts.open("a") as starts:
            starts.write(f"{os.getpid()}\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(options.delay)
    server = UnixServer(options.unix, Echo) if options.unix else TcpServer((options.address, options.port), Echo)
    print(f"echo {os.getpid()} listens", flush=True)
    server.serve_forever()


main()
