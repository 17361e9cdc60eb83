"""Jobs for the page: POST /instances makes one, GET and DELETE /instances/ID look at it and end it. Only the version
under reeve needs this program: it asks reeve, which keeps the processes."""
import argparse
import json
import os
import pathlib
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JOBS = os.environ["REEVE_API"] + "/instances/job"
TOKEN_FILE = pathlib.Path(os.environ["TOKEN_FILE"])
STATUSES = {"ended": "ended", "down": "ended", "failed": "failed"}  # of a target; all others are a running job


def ask(method, path="", body=None):
    """Asks reeve; returns status and object."""
    fields = {"Content-Type": "application/json"}
    if TOKEN_FILE.exists():
        fields["Authorization"] = f"Bearer {TOKEN_FILE.read_text().strip()}"
    request = urllib.request.Request(JOBS + path, None if body is None else json.dumps(body).encode(), fields,
                                     method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read() or "{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "{}")


class Jobs(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def job(self):
        return self.path.removeprefix("/instances")  # "/ID"; reeve has checked it

    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parameters = {name: str(given.get(name, standard)) for name, standard in
                      (("lines", 0), ("every", 1), ("delay", 0))}
        status, body = ask("POST", body={"id": given["id"], "parameters": parameters})
        self.answer(status, {"id": given["id"]} if status in (200, 201) else body)

    def do_GET(self):
        status, body = ask("GET", self.job())
        job = {"id": self.job()[1:], "status": STATUSES.get(body.get("state"), "running")}
        self.answer(status, job if status == 200 else body)

    def do_DELETE(self):
        status, body = ask("POST", self.job() + "/stop?wait=0s")
        self.answer(202 if status < 300 else status, body)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    print(f"jobs listens on 127.0.0.1:{port}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", port), Jobs).serve_forever()


if __name__ == "__main__":
    main()
