"""examples/service in its two forms, the Python original and reeve's, with the same handles; and one client for both."""
import asyncio
import collections
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import websockets

import kernel
from conftest import BIN, PYTHON, SLACK, free_port, wait_for

SERVICE = pathlib.Path(__file__).resolve().parents[2] / "examples/service"
MADE = shutil.ignore_patterns("state*", "users", "there", "reconciled.json", "__pycache__")
Event = collections.namedtuple("Event", "name data id at")


class Form:
    """One running service, and a client for it."""
    kind = token = None
    gives_up = ()  # how it refuses a terminal that takes its time to start

    def request(self, path, method="GET", body=None, fields=None, known=True, timeout=30):
        """Status, fields and body of one answer; as somebody with the token, unless known=False."""
        fields = self.credential(known) | (fields or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def credential(self, known=True):
        return {"Authorization": f"Bearer {self.token}"} if known and self.token else {}

    def json(self, path, **more):
        return json.loads(self.request(path, **more)[2])

    def answers(self, path="/health"):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request(path, timeout=5)[0] == 200

    def create(self, name, **job):
        status, _, body = self.request("/instances", "POST", json.dumps({"id": name} | job),
                                       {"Content-Type": "application/json"})
        assert status == 201, (status, body)
        return name

    def job_over(self, name):
        return self.json(f"/instances/{name}")["status"] != "running"

    def socket(self, protocols=("tty",), known=True, **more):
        """An opening WebSocket, to be awaited or used with `async with`."""
        fields = list(self.credential(known).items())
        more = {"open_timeout": 6 * SLACK} | more
        return websockets.connect(f"ws://127.0.0.1:{self.port}/terminal/ws", subprotocols=list(protocols) or None,
                                  extra_headers=fields, ping_interval=None, **more)

    def say(self, *texts):
        """What the terminal answers to each text, in one session."""
        async def session():
            async with self.socket() as terminal:
                answers = []
                for text in texts:
                    await terminal.send(text)
                    answers.append(await asyncio.wait_for(terminal.recv(), 6 * SLACK))
                return answers

        def said():
            with contextlib.suppress(*self.gives_up):
                return asyncio.run(session())

        return wait_for(said, 30, "the terminal to answer")

    def wake(self):
        """Its terminal runs, for those who look at what comes then."""
        self.say("pid")
        return self

    def start(self):
        self.launch()
        self.settle()
        return self

    def stop(self):
        self.process.terminate()

    def cpu(self):
        """Seconds of CPU that the service itself has used, its children not counted (proc(5), schedstat)."""
        used = 0
        for path in [path for pid in self.pids() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")]:
            with contextlib.suppress(*kernel.GONE):  # a thread that has ended meanwhile
                used += int(path.read_text().split()[0])
        return used / 1e9


class Python(Form):
    """examples/service/python, which waits five seconds for its terminal."""
    kind, gives_up = "python", (websockets.InvalidStatusCode,)

    def __init__(self, folder, token="let me in"):
        self.folder, self.token = folder, token
        self.port, self.api, self.terminal = free_port(), free_port(), free_port()
        self.state, self.data, self.starts = folder / "state", folder / "data", folder / "starts"
        shutil.copytree(SERVICE / "data", self.data, ignore=MADE)
        self.process = None

    def spawn(self):
        more = {"PORT": self.port, "API_PORT": self.api, "TERMINAL_PORT": self.terminal, "STATE": self.state, "DATA": self.data,
                "TOKEN": self.token, "WAIT_SECONDS": 10, "STARTS": self.starts, "PYTHONDONTWRITEBYTECODE": 1}
        return subprocess.Popen([PYTHON, SERVICE / "python/app.py"], stdin=subprocess.DEVNULL,
                                stdout=open(self.folder / "out", "ab"), stderr=subprocess.STDOUT,
                                env=os.environ | {name: str(value) for name, value in more.items()})

    def launch(self):
        self.process = self.spawn()

    def settle(self):
        wait_for(lambda: self.answers() and self.answers("/api/whoami"), 30, "the Python form")

    def instance_dir(self, name):
        return self.state / "instances" / name

    def pids(self):
        return [self.process.pid]

    def children(self):
        found = {}
        for file in (self.state / "pids").glob("*.pid"):
            with contextlib.suppress(FileNotFoundError, ValueError):  # gone, or not yet written
                found[file.stem] = int(file.read_text())
        return {name: pid for name, pid in found.items() if kernel.alive(pid)}

    def job_pid(self, name):
        return self.children().get(f"job-{name}")

    def terminal_pid(self):
        return self.children()["terminal"]

    def crash(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """Whatever happened: nothing of it stays."""
        if self.process and self.process.poll() is None:
            self.crash()
        while pids := [pid for pid in kernel.pids() if kernel.alive(pid) and self.has_started(pid)]:
            for pid in pids:
                kernel.kill(pid)

    def has_started(self, pid):
        """A pid file names only the last one that was started, and not at once."""
        return (kernel.environment(pid) or {}).get("STATE") == str(self.state)


class Reeve(Form):
    """examples/service/reeve.yaml."""
    kind = "reeve"

    def __init__(self, reeve):
        self.reeve, self.folder, self.port = reeve, reeve.folder, reeve.port
        self.data, self.starts = reeve.folder / "data", reeve.folder / "starts"
        shutil.copytree(SERVICE, reeve.folder, dirs_exist_ok=True,
                        ignore=MADE)
        text = reeve.file.read_text()
        assert "name: service\n" in text and "state: ./state\n" in text
        reeve.file.write_text(text.replace("name: service\n", f"name: {reeve.name}\n"))
        self.environment = {"PORT": str(self.port), "CONSOLE_PORT": str(free_port()), "WAIT": "10s",
                            "STARTS": str(self.starts)}

    @property
    def process(self):
        return self.reeve.process

    def verb(self, *words, **more):
        done = subprocess.run([BIN, "-c", str(self.reeve.file), *words], capture_output=True, text=True,
                              env=os.environ | self.environment, timeout=60, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make_token(self, name):
        return self.verb("token", "create", name).splitlines()[-1]

    def start(self):
        self.verb("user", "add", "ann", input="correct horse battery staple\n")
        (self.folder / "jobs.token").write_text(self.make_token("jobs"))
        self.token = self.make_token("client")
        return super().start()

    def launch(self):
        self.reeve.spawn(**self.environment)

    def settle(self):
        wait_for(lambda: self.process.poll() is not None or self.reeve.serving(), 20, "reeve to serve")
        assert self.process.poll() is None, self.reeve.log()
        for name in ("api", "jobs"):
            self.reeve.wait_state(name, "ready", timeout=20)

    def spawn(self):
        return subprocess.Popen(self.reeve.command(), cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=open(self.folder / "second.err", "ab"),
                                env=os.environ | self.environment)

    def instance_dir(self, name):
        return self.reeve.state / "instances/job" / name

    def pids(self):
        return [self.process.pid, *self.reeve.gates()]

    def children(self):
        rows = self.reeve.status()["targets"]
        return {row["name"]: row["run"]["pid"] for row in rows if row["run"] and kernel.alive(row["run"]["pid"])}

    def job_pid(self, name):
        return self.children().get(f"job/{name}")

    def terminal_pid(self):
        return self.children()["terminal"]

    def crash(self):
        """Everything that serves: the keeper and all gates. (What is kept has parents of its own.)"""
        for pid in self.pids()[1:]:
            kernel.kill(pid)
        self.reeve.kill_keeper()

    def end(self):
        """The fixture that made its reeve stops it."""


class Events:
    """A reader of an event stream in a thread of its own; `events` are those that have come so far.

    `over` is None, or how it ended: "whole" with the last chunk, "cut" in the middle."""

    def __init__(self, form, name, last=None, known=True):
        self.events, self.comments = [], 0
        self.status = self.over = None
        head = [f"GET /instances/{name}/events HTTP/1.1", f"Host: 127.0.0.1:{form.port}", "Accept: text/event-stream"]
        head += [f"Last-Event-ID: {last}"] if last else []
        head += [f"{field}: {value}" for field, value in form.credential(known).items()]
        self.connection = socket.create_connection(("127.0.0.1", form.port), timeout=120)
        self.connection.sendall("\r\n".join([*head, "", ""]).encode())
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            with self.connection.makefile("rb") as file:
                self.read(file)
            self.over = "whole"
        except (OSError, ValueError, IndexError):
            self.over = "cut"

    def read(self, file):
        self.status = int(file.readline().split()[1])
        fields = http.client.parse_headers(file)
        rest = b""
        if not fields["Transfer-Encoding"]:
            self.feed(file.read(int(fields["Content-Length"] or 0)))
            return
        while size := int(file.readline(), 16):
            *events, rest = (rest + file.read(size)).replace(b"\r\n", b"\n").split(b"\n\n")
            file.readline()
            for event in events:
                self.feed(event.lstrip(b"\n"))

    def feed(self, event):
        """One event as the HTML standard reads it (section 9.2.6)."""
        name, data, number = "message", [], None
        for line in event.split(b"\n"):
            field, _, value = line.decode().partition(":")
            value = value.removeprefix(" ")
            self.comments += line.startswith(b":")
            name = value if field == "event" else name
            data += [value] if field == "data" else []
            number = value if field == "id" else number
        if data:
            self.events.append(Event(name, "\n".join(data), number, time.time()))

    def data(self, name="message"):
        return [event.data for event in self.events if event.name == name]

    def wait(self, count, timeout=20):
        """Until that many events are there, or it is over."""
        wait_for(lambda: len(self.events) >= count or self.over, timeout, f"{count} events")
        return self

    def to_end(self, timeout=30):
        wait_for(lambda: self.over, timeout, "the stream to end")
        return self

    def close(self):
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.thread.join(20)
        self.connection.close()
