"""The screen (src/screen) beside xterm.js and tmux: what both make of the same bytes."""
import json
import os
import pathlib
import struct
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = HERE.parent / "system"
BIN = os.environ["REEVE_BIN"]  # for npm.py
DRIVER = pathlib.Path(BIN).resolve().parent / "tests/terminal/terminal-screen"
sys.path[:0] = [str(HERE), str(SYSTEM)]


class Screen:
    """A screen in the driver (screen.c)."""

    def __init__(self, columns, rows, scrollback=1000):
        self.process = subprocess.Popen([DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.send(b"N" + struct.pack("<HHIH", columns, rows, scrollback, 0))

    def send(self, frame):
        self.process.stdin.write(frame)
        self.process.stdin.flush()

    def feed(self, data):
        self.send(b"F" + struct.pack("<I", len(data)) + data)

    def ask(self, command):
        self.send(command)
        size, = struct.unpack("<I", self.process.stdout.read(4))
        return self.process.stdout.read(size)

    def snapshot(self):
        return self.ask(b"S")

    def text(self):
        return self.ask(b"T").decode()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


@pytest.fixture
def new_screen():
    screens = []

    def new(*arguments):
        screens.append(Screen(*arguments))
        return screens[-1]

    yield new
    for screen in screens:
        screen.close()


@pytest.fixture(scope="session")
def oracle():
    """oracle(script, *arguments, input=""): what a script of oracle/ prints."""
    import npm
    environment = os.environ | {"NODE_PATH": str(npm.install(HERE / "oracle"))}

    def run(script, *arguments, input=""):
        done = subprocess.run(["node", HERE / "oracle" / script, *arguments], input=input, text=True, timeout=500,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def compare(oracle):
    """compare(jobs): what oracle/compare.js says to each."""

    def run(jobs):
        text = oracle("compare.js", DRIVER, input="".join(json.dumps(job) + "\n" for job in jobs))
        results = [json.loads(line) for line in text.splitlines()]
        assert len(results) == len(jobs)
        return results

    return run
