"""Prints numbered lines without a pause worth mentioning, and answers HTTP meanwhile.

Options: --port N; --total FILE: at SIGTERM the last number is written there."""
import argparse
import os
import pathlib
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--total", type=pathlib.Path)
options = parser.parse_args()
stopping = threading.Event()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        data = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", options.port), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
number = 0
while not stopping.is_set():
    number += 1
    os.write(1, b"number %d\n" % number)
    time.sleep(0.001)
options.total.write_text(str(number))
