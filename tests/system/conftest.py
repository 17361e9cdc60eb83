"""System tests: the real reeve in front of real programs, driven by real clients.

Every test has a folder, a name (so a runtime directory) and ports of its own. Nothing sleeps for luck: wait_for()
polls a condition until a deadline. At the end of each test its reeve is stopped and nothing of it may be left."""
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

import pytest

import kernel

BIN = os.environ.get("REEVE_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build/reeve"))
PROGRAMS = pathlib.Path(__file__).parent / "programs"
PYTHON = "/usr/bin/python3"
SLACK = 20 if os.environ.get("ASAN_OPTIONS") else 8  # on all times: a busy machine is no fault of reeve's


class NotListed(Exception):
    """A row that is asked for is not there (yet)."""


def row_of(rows, name):
    """The row of that name."""
    for row in rows:
        if row["name"] == name:
            return row
    raise NotListed(name)


def words_in(file):
    """What a program has written so far, in words; none before the file is there."""
    return file.read_text().split() if file.exists() else []


def whole_lines(file):
    """The lines of a file that is being written: not one that is only begun."""
    data = file.read_bytes() if file.exists() else b""
    return data[:data.rfind(b"\n") + 1].decode().split("\n")[:-1]


def wait_for(condition, timeout=10.0, what="the condition"):
    """Polls until condition() is true and returns its value; fails after `timeout` seconds (times SLACK).

    The condition may look at what is not there yet: a file, a row."""
    timeout = max(timeout, 5)  # nothing is won by giving up sooner
    deadline = time.monotonic() + timeout * SLACK
    while True:
        value = None
        with contextlib.suppress(FileNotFoundError, NotListed):
            value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout * SLACK:.0f} s in vain for {what}")
        time.sleep(0.01)


PORTS_GIVEN = set()


def free_port(address="127.0.0.1"):
    """A port nobody listens on, given once: below those that the kernel gives to clients, beside those reeve gives to services.
    The next one is given to nobody either: a reeve's console is there by default."""
    while True:
        port = random.randrange(10000, 20000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not {port, port + 1} & PORTS_GIVEN and not taken(probe, address, port):
                PORTS_GIVEN.update((port, port + 1))
                return port


def taken(probe, address, port):
    try:
        probe.bind((address, port))
    except OSError:
        return True
    return False


def program(name):
    """A command line for one of tests/system/programs, as YAML."""
    return f"{PYTHON}, -u, {PROGRAMS / name}"


def seconds(text):
    """Seconds since 1970 of a time as reeve writes them."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def process_alive(pid):
    return kernel.alive(pid)


def descriptors(pid):
    """How many descriptors a process has open."""
    return len(kernel.descriptors(pid))


class Reeve:
    """One reeve: its file, its process, its command."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.file = self.folder / "reeve.yaml"
        self.state = self.folder / "state"
        self.port = free_port()
        self.process = None
        self.out, self.err = self.folder / "reeve.out", self.folder / "reeve.err"

    def configure(self, text, **head):
        """Writes reeve.yaml: `text` behind name, state and listen."""
        lines = [f"name: {self.name}", f"state: {self.state}"]
        if "\nlisten:" not in "\n" + text:
            lines.append(f'listen: [{{address: "127.0.0.1:{self.port}"}}]')
        lines += [f"{key}: {value}" for key, value in head.items()]
        self.file.write_text("\n".join(lines) + "\n" + text)
        return self

    def command(self):
        return [BIN, "run", str(self.file)]

    def spawn(self, *through, **environment):
        """Starts `reeve run` (through another command, if given) without waiting for anything."""
        self.process = subprocess.Popen([*through, *self.command()], cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=open(self.out, "ab"),
                                        stderr=open(self.err, "ab"), env=os.environ | environment,
                                        start_new_session=True)
        return self

    def start(self, text=None, environment=None, **head):
        """Starts it and waits until it serves (boot targets may still be starting)."""
        if text is not None:
            self.configure(text, **head)
        self.spawn(**environment or {})
        wait_for(lambda: self.process.poll() is not None or self.serving(), 20, "reeve to serve")
        assert self.process.poll() is None, f"reeve ended with {self.process.returncode}:\n{self.log()}"
        return self

    def serving(self):
        answer = self.verb("status", "--json", check=False)
        told = json.loads(answer.stdout or "{}")  # an error from one that ends meanwhile
        return told.get("keeper", {}).get("phase") == "serving"

    def log(self):
        return self.err.read_text(errors="replace")[-8000:] if self.err.exists() else ""

    def verb(self, *words, check=True, timeout=120):
        """Runs `reeve -c FILE WORDS...`; with `check`, success is expected."""
        done = subprocess.run([BIN, "-c", str(self.file), *words], capture_output=True, text=True,
                              errors="replace", timeout=timeout, cwd=self.folder)
        if check:
            assert done.returncode == 0, f"reeve {words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log()}"
        return done

    def status(self):
        done = self.verb("status", "--json", check=False)
        assert done.returncode in (0, 1) and done.stdout, done.stderr
        told = json.loads(done.stdout)
        assert "keeper" in told, told
        return told

    def target(self, name):
        return row_of(self.status()["targets"], name)

    def wait_state(self, name, *states, timeout=10):
        """The row as it was when it had one of these states; it may have gone on since."""
        return wait_for(lambda: (row := self.target(name))["state"] in states and row, timeout,
                        f"{name} to be {' or '.join(states)}")

    def gates(self):
        return [row["pid"] for row in self.status()["gates"] if row["pid"]]

    def lines(self, name):
        """All records of a service's log that are still kept."""
        files = [path for path in (self.state / "log" / name).glob("*.jsonl") if path.stem.isdigit()]
        files = sorted(files, key=lambda path: int(path.stem)) + [self.state / "log" / name / "current.jsonl"]
        return [json.loads(line) for path in files for line in whole_lines(path)]

    def records(self):
        """What the keeper has written down about runs."""
        found = []
        for path in (self.state / "run").glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # an old one goes when a new one comes
                found.append(json.loads(path.read_text()))
        return found

    def left(self):
        """Processes of it that are still there: gates, holds, and whatever carries a run's nonce."""
        noted = []
        with contextlib.suppress(FileNotFoundError):
            noted = json.loads((self.state / "gates.json").read_text())
        noted += [record[who] for record in self.records() for who in ("hold", "main") if record[who]]
        found = {each["pid"] for each in noted if kernel.start_time(each["pid"]) == each["start_time"]}
        nonces = {record["nonce"] for record in self.records()}
        found |= {pid for pid in kernel.pids() if (kernel.environment(pid) or {}).get("REEVE_RUN") in nonces}
        return sorted(pid for pid in found if pid and kernel.alive(pid))

    def journal(self):
        """Rows of the journal, once reeve has ended (it holds the database alone)."""
        import sqlite3
        with contextlib.closing(sqlite3.connect(self.state / "reeve.db")) as database:
            rows = database.execute("SELECT target, event, evidence FROM journal ORDER BY id").fetchall()
        return [(target, event, json.loads(evidence)) for target, event, evidence in rows]

    def get(self, path="/", headers=None, method="GET", body=None, timeout=120):
        """One request on a connection of its own; status, fields and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def raw(self, request, timeout=120):
        """Sends bytes, reads until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer

    def kill_gates(self):
        """All of them. A killed process goes on until the kernel has closed what it had open."""
        gates = self.gates()
        for pid in gates:
            kernel.kill(pid)
        wait_for(lambda: not any(map(kernel.alive, gates)), what="the gates to be gone")

    def kill_keeper(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=20):
        """Stops in order; the keeper must end with 0."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout * SLACK) == 0, self.log()


@contextlib.contextmanager
def reeves(tmp_path_factory):
    """A factory of reeves; at the end each is stopped and nothing with its name may be left."""
    made = []

    def make(name=None):
        folder = tmp_path_factory.mktemp("reeve")
        folder.chmod(0o755)
        made.append(Reeve(folder, name or f"t{os.getpid()}-{len(made)}-{folder.name}"))
        return made[-1]

    yield make
    try:
        for reeve in made:
            reeve.stop()
        for reeve in made:
            wait_for(lambda: not reeve.left(), what="gates, holds and kept processes to end")
    finally:
        for reeve in made:  # what a test that has failed left behind
            if reeve.process and reeve.process.poll() is None:
                reeve.kill_keeper()
            for pid in reeve.left():
                kernel.kill(pid)
    for reeve in made:
        assert "AddressSanitizer" not in reeve.log() and "runtime error" not in reeve.log(), reeve.log()


@pytest.fixture
def make_reeve(tmp_path_factory):
    with reeves(tmp_path_factory) as make:
        yield make


@pytest.fixture
def folder(reeve):
    """Where event files are; the gates' user may read it."""
    path = reeve.folder / "data"
    path.mkdir(mode=0o755)
    return path


@pytest.fixture
def reeve(make_reeve):
    return make_reeve()


@pytest.fixture(scope="module")
def shared_reeve(tmp_path_factory):
    """One for all tests of a file: none of them may harm it."""
    with reeves(tmp_path_factory) as make:
        yield make()
