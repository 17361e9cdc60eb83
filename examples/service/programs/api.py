"""The service's API, an ordinary HTTP server: it knows neither who is in front of it nor who keeps it running."""
import argparse
import json
import os
import signal
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STARTED = time.monotonic()


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/whoami":
            self.answer(200, {"pid": os.getpid(), "uptime": time.monotonic() - STARTED})
        elif self.path == "/fields":  # what arrives here of a request
            self.answer(200, {name.lower(): value for name, value in self.headers.items()})
        else:
            self.answer(404, {"error": f"there is no {self.path}"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/echo":
            self.answer(200, body, self.headers.get("Content-Type", "application/octet-stream"))
        elif self.path == "/crash":
            print("asked to crash", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            self.answer(404, {"error": f"there is no {self.path}"})

    def log_message(self, form, *arguments):
        print(form % arguments, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    print(f"api listens on 127.0.0.1:{port}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", port), Api).serve_forever()


if __name__ == "__main__":
    main()
