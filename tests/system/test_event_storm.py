"""Event streams in a storm: a writer that does everything to its file, and readers that come and go; a drain of thousands
of readers; thousands at once."""
import contextlib
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import threading
import time
import traceback

import pytest

from conftest import BIN, SLACK, wait_for
from eventstreams import TICK

READERS = pathlib.Path(BIN).parent / "tests/readers/event-readers"
SECONDS = 60
MANY = 5000


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


class Storm(threading.Thread):
    """Writes "EPOCH NUMBER ..." lines for a while, and does to its file what programs and administrators do."""

    def __init__(self, path, seed, cuts, gates):
        super().__init__()
        self.path, self.random, self.cuts, self.gates = path, random.Random(seed), cuts, gates
        self.epoch = self.number = self.files = self.deleted = self.cut_count = 0
        self.rest, self.error = b"", None
        self.moves = sorted(self.random.uniform(0.02, 0.7) for _ in range(0 if cuts else 20))  # when, of all the time
        self.ends = sorted(self.random.uniform(0.02, 0.95) for _ in range(40 if cuts else 0))
        self.open()

    def open(self):
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def line(self, words=""):
        text = f"{self.epoch} {self.number} {words}" + "x" * self.random.choice((0, 3, 40, 200))
        self.number += 1
        return text.encode() + b"\n"

    def torn(self, data):
        """In one or more writes; what is left is written before anything else."""
        data, self.rest = self.rest + data, b""
        while data:
            size = self.random.choice((len(data), self.random.randrange(1, len(data) + 1)))
            os.write(self.fd, data[:size])
            data = data[size:]
            if data and self.random.random() < 0.01:
                self.rest = data
                return

    def whole(self):
        """What is left of a line."""
        while self.rest:
            self.torn(b"")

    def holes(self):
        """A line of NULs is none; NULs before a line are left out. The former would move the place of a cut on unseen."""
        self.torn(b"")
        if not self.rest:
            os.write(self.fd, b"\0" * self.random.choice((1, 100, 5000)) + (b"" if self.cuts else b"\n"))

    def burst(self):
        self.torn(b"")
        lines = b"".join(self.line() for _ in range(100_000))
        at = 0
        while at < len(lines):
            at += os.write(self.fd, lines[at:at + 1_000_000])

    def is_open(self, gate):
        about = os.fstat(self.fd)
        with contextlib.suppress(FileNotFoundError):  # a descriptor was closed meanwhile: another time
            return any(os.path.samestat(os.stat(f"/proc/{gate}/fd/{name}"), about)
                       for name in os.listdir(f"/proc/{gate}/fd"))
        return False

    def rename(self):
        """Perhaps in the middle of a line, which then ends in the old file. What is deleted was seen before: a file that
        came and went unseen is not there for anybody."""
        time.sleep(TICK)
        self.files += 1
        if self.files % 3 == 0 and all(map(self.is_open, self.gates)):
            self.deleted += 1
            os.unlink(self.path)
        else:
            os.rename(self.path, f"{self.path}.{self.files}")
        self.whole()
        self.torn(self.line())
        self.whole()
        os.close(self.fd)
        self.open()

    def cut(self):
        self.whole()
        if self.random.random() < 0.5:
            pathlib.Path(f"{self.path}-copy").write_bytes(b"kept elsewhere\n")
        time.sleep(0.05)  # what is added between reeve's last look and the cut would be lost, which it says
        os.truncate(self.path, 0)
        self.cut_count += 1
        self.epoch, self.number = self.epoch + 1, 0

    def step(self, passed):
        chance = self.random.random()
        if self.moves and passed > self.moves[0]:
            self.moves.pop(0)
            self.rename()
        elif self.ends and passed > self.ends[0]:
            self.ends.pop(0)
            self.cut()
        elif chance < 0.02:
            self.holes()
        else:
            self.torn(b"".join(self.line() for _ in range(self.random.choice((1, 1, 2, 10, 100)))))
            time.sleep(self.random.choice((0, 0, 0.002, 0.02)))

    def run(self):
        try:
            began, bursts = time.monotonic(), [0.1, 0.3]
            while (passed := (time.monotonic() - began) / SECONDS) < 1:
                if bursts and passed > bursts[0]:
                    bursts.pop(0)
                    self.burst()
                self.step(passed)
            self.whole()
            os.write(self.fd, self.line("end"))
            os.close(self.fd)
        except Exception:  # told by the test's own thread
            self.error = traceback.format_exc()


def test_storm(reeve, folder):
    """A file that is renamed and deleted: every line once, no reset. One that is cut: a reset from exactly the place, and
    nothing lost or torn behind it."""
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    reeve.start(f"""
routes:
  - {{path: /whole, events: {{file: "{folder}/whole.jsonl"}}}}
  - {{path: /cut, events: {{file: "{folder}/cut.jsonl"}}}}
""", workers=2)
    gates = reeve.gates()
    storms = [Storm(folder / "whole.jsonl", seed, False, gates), Storm(folder / "cut.jsonl", seed + 1, True, gates)]
    for storm in storms:
        storm.torn(storm.line())
        storm.whole()
    readers = [Readers(reeve.port, "/whole", 100, seed), Readers(reeve.port, "/cut", 100, seed + 1)]
    try:
        for each in readers:
            wait_for(lambda each=each: each.ask()["lines"] >= 100, 30, "every reader to begin")
        for storm in storms:
            storm.start()
        for storm in storms:
            storm.join()
            assert storm.error is None, storm.error
        whole, cut = (each.finish(120) for each in readers)
    finally:
        for each in readers:
            each.close()
    counts, told = whole
    assert (counts["gaps"], counts["resets"], counts["others"]) == (0, 0, 0), (counts, told)
    assert counts["done"] == 100 and counts["lines"] == 100 * storms[0].number and storms[0].files > 3
    assert counts["connects"] > 150
    counts, told = cut
    assert (counts["gaps"], counts["wrong_from"], counts["others"]) == (0, 0, 0), (counts, told)
    assert counts["done"] == 100 and storms[1].cut_count > 3 and counts["resets"] > 50


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3 * MANY)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_at_once(reeve, folder, many_descriptors):
    """5,000 readers on one gate; then its drain of 10 s: goodbyes are spread, and everybody comes back to what it has not
    got."""
    path = folder / "events.jsonl"
    path.write_bytes(b"0 0\n")
    reeve.start(f"""
drain: {{timeout: 13s}}
routes:
  - {{path: /events, events: {{file: "{folder}/events.jsonl"}}}}
""", workers=1)
    readers = Readers(reeve.port, "/events", MANY, 1, away_ms=50, held=True)
    try:
        with open(path, "ab", buffering=0) as file:
            wait_for(lambda: readers.ask()["lines"] == MANY, 60, "all readers")
            file.write(b"0 1\n")
            wait_for(lambda: readers.ask()["lines"] == 2 * MANY, 60, "a line for all")
            before = readers.ask()
            assert before["open"] == MANY
            reeve.kill_keeper()
            reeve.spawn()  # takes the port over from the gate, which tells its readers to come back
            began, numbers = time.monotonic(), iter(range(2, 10**9))
            while readers.ask()["byes"] < MANY:
                assert time.monotonic() - began < 60 * SLACK
                file.write(b"0 %d\n" % next(numbers))
                time.sleep(0.1)
            file.write(b"0 %d end\n" % next(numbers))
        counts, told = readers.finish(60)
    finally:
        readers.close()
    assert (counts["gaps"], counts["resets"], counts["others"], counts["byes"]) == (0, 0, 0, MANY), (counts, told)
    # how evenly is a test of route/event_group, with a clock of its own; here other programs run as well
    spread = counts["told"]
    assert sum(1 for told in spread if told) >= 5 and max(spread) < MANY / 2, spread
