"""The workbench's HTTP API: who it is and a way to end it, the lamps, and jobs, for which it asks reeve."""
import argparse
import json
import os
import pathlib
import random
import signal
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jobs

STARTED = time.monotonic()
DATA = pathlib.Path("data")


def lamps():
    """What is wanted, what burns, and what the loop's last pass has done."""
    last = DATA / "pass.json"
    return {"wanted": (DATA / "wanted").read_text().split(), "burning": sorted(os.listdir(DATA / "lamps")),
            "pass": json.loads(last.read_text()) if last.exists() else None}


def put_some_out():
    """Somebody walks through the house: the loop will notice."""
    burning = sorted(os.listdir(DATA / "lamps"))
    for name in random.sample(burning, min(3, len(burning))):
        (DATA / "lamps" / name).unlink(missing_ok=True)


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served = 0

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/status":
            Api.served += 1
            self.answer(200, {"pid": os.getpid(), "uptime": time.monotonic() - STARTED, "served": Api.served,
                              "user": self.headers.get("Remote-User")})
        elif self.path == "/lamps":
            self.answer(200, lamps())
        elif self.path == "/jobs":
            self.answer(*jobs.listed())
        else:
            self.answer(404, {"detail": f"there is no {self.path}"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/kill":
            self.kill()
        elif self.path == "/lamps/out":
            put_some_out()
            self.answer(200, lamps())
        elif self.path == "/jobs":
            self.answer(*jobs.started(json.loads(body)))
        elif self.path.startswith("/jobs/") and self.path.endswith("/stop"):
            self.answer(*jobs.stopped(self.path.split("/")[2]))
        else:
            self.answer(404, {"detail": f"there is no {self.path}"})

    def kill(self):
        print("asked to kill myself; goodbye", flush=True)
        self.answer(202, {"pid": os.getpid()})
        self.wfile.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def log_message(self, form, *arguments):
        if self.command != "GET":  # the page asks every second
            print(form % arguments, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    (DATA / "lamps").mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", port), Api)
    print(f"api listens on 127.0.0.1:{port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
