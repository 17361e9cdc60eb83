"""The workbench's HTTP API: who it is, for how long, and a way to end it."""
import argparse
import json
import os
import signal
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STARTED = time.monotonic()


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served = 0

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path != "/status":
            self.answer(404, {"error": f"there is no {self.path}"})
            return
        Api.served += 1
        self.answer(200, {"pid": os.getpid(), "uptime": time.monotonic() - STARTED, "served": Api.served})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/kill":
            self.answer(404, {"error": f"there is no {self.path}"})
            return
        print("asked to kill myself; goodbye", flush=True)
        self.answer(202, {"pid": os.getpid()})
        self.wfile.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def log_message(self, form, *arguments):
        if self.path != "/status":  # the page asks every second
            print(form % arguments, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server = ThreadingHTTPServer(("127.0.0.1", port), Api)
    print(f"api listens on 127.0.0.1:{port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
