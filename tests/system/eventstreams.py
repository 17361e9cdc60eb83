"""Readers and writers of event streams, for tests."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess

from conftest import BIN, SLACK

READERS = pathlib.Path(BIN).parent / "tests/readers/event-readers"
TICK = 0.012  # longer than the kernel's clock tick, which orders births of files


class Stream:
    """An open event stream, read as a browser does; `events` are (name, data, id) as they are dispatched."""

    def __init__(self, reeve, path="/events", after=None, version="HTTP/1.1", timeout=120, port=None, cookie=None):
        self.socket = socket.create_connection(("127.0.0.1", port or reeve.port), timeout=timeout)
        fields = "Host: 127.0.0.1\r\n" + (f"Last-Event-ID: {after}\r\n" if after is not None else "")
        fields += f"Cookie: {cookie}\r\n" if cookie is not None else ""
        self.socket.sendall(f"GET {path} {version}\r\n{fields}Accept: text/event-stream\r\n\r\n".encode())
        self.response = http.client.HTTPResponse(self.socket)
        self.response.begin()
        self.status, self.fields = self.response.status, self.response.headers
        self.id, self.retry, self.comments = after, None, 0

    def line(self):
        return self.response.readline().removesuffix(b"\n")

    def event(self):
        """The next one; None at the end of the stream."""
        name, data = "message", []
        with contextlib.suppress(http.client.IncompleteRead, ConnectionResetError):
            while raw := self.response.readline():
                if not raw.endswith(b"\n"):
                    return None
                line = raw[:-1]
                if line == b"":
                    if data:
                        return name, b"\n".join(data), self.id
                    name = "message"
                    continue
                field, _, value = line.partition(b":")
                value = value.removeprefix(b" ")
                if field == b"data":
                    data.append(value)
                elif field == b"event":
                    name = value.decode()
                elif field == b"id":
                    self.id = value.decode()
                elif field == b"retry":
                    self.retry = int(value)
                elif field == b"":
                    self.comments += 1
        return None

    def lines(self, count):
        """So many plain events; anything else fails."""
        found = []
        while len(found) < count:
            event = self.event()
            assert event and event[0] == "message", (event, found)
            found.append(event[1])
        return found

    def named(self, name):
        event = self.event()
        assert event and event[0] == name, event
        return json.loads(event[1])

    def over(self):
        assert self.event() is None
        self.close()

    def close(self):
        self.response.close()
        self.socket.close()


class Writer:
    """A program that writes a file, as it would: appends, tears lines, renames, truncates."""

    def __init__(self, path):
        self.path, self.file, self.rotated = path, None, 0

    def open(self):
        self.file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, data):
        if self.file is None:
            self.open()
        assert os.write(self.file, data) == len(data)

    def rename(self):
        self.rotated += 1
        os.rename(self.path, f"{self.path}.{self.rotated}")

    def close(self):
        if self.file is not None:
            os.close(self.file)
            self.file = None


def start(reeve, folder, keys="", workers=2, file="events.jsonl", path="/events", environment=None):
    reeve.start(f"""
routes:
  - {{path: "{path}", events: {{file: "{folder}/{file}"{keys}}}}}
""", environment, workers=workers)
    return Writer(folder / "events.jsonl")


def open_streams(reeve, count, path="/events"):
    streams = [Stream(reeve, path) for _ in range(count)]
    for stream in streams:
        assert stream.status == 200
    return streams


class Readers:
    """Readers in a process of their own (tests/readers/readers.c)."""

    def __init__(self, port, path, count, seed, away_ms=100, held=False):
        self.process = subprocess.Popen([READERS, str(port), path, str(count), str(seed), str(away_ms), str(int(held))],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "begun\n"  # from here on the signal has a meaning

    def ask(self):
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())

    def finish(self, timeout):
        out, err = self.process.communicate(timeout=timeout * SLACK)
        assert self.process.returncode == 0, err
        return json.loads(out.splitlines()[-1]), err

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
