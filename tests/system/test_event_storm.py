"""Event streams in a storm: a writer that does everything to its file, and readers that come and go."""
import contextlib
import os
import pathlib
import random
import threading
import time
import traceback

from conftest import wait_for
from eventstreams import TICK, Readers

SECONDS = 60


class Storm(threading.Thread):
    """Writes "EPOCH NUMBER ..." lines for a while, and does to its file what programs and administrators do."""

    def __init__(self, path, seed, cuts, gates):
        super().__init__()
        self.path, self.random, self.cuts, self.gates, self.readers = path, random.Random(seed), cuts, gates, None
        self.epoch = self.number = self.files = self.deleted = self.cut_count = 0
        self.rest, self.error = b"", None
        self.moves = sorted(self.random.uniform(0.02, 0.7) for _ in range(0 if cuts else 20))  # when, of all the time
        self.ends = sorted(self.random.uniform(0.02, 0.95) for _ in range(40 if cuts else 0))
        self.open()

    def open(self):
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def line(self, words=""):
        place = f"{self.epoch} {self.number}"  # at the end as well: a cut is told by the bytes before a place
        text = f"{place} {words}{'x' * self.random.choice((0, 3, 40, 200))} {place}"
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

    def all_read(self):
        """Every reader has every line: what nobody has read yet is lost with a cut or a deletion, and that is said."""
        self.torn(self.line())
        self.whole()
        wait_for(lambda: self.readers.ask()["least"] == [self.epoch, self.number - 1], 60, "every reader to have every line")

    def is_open(self, gate):
        about = os.fstat(self.fd)
        with contextlib.suppress(FileNotFoundError):  # a descriptor was closed meanwhile: another time
            return any(os.path.samestat(os.stat(f"/proc/{gate}/fd/{name}"), about)
                       for name in os.listdir(f"/proc/{gate}/fd"))
        return False

    def rename(self):
        """Perhaps in the middle of a line, which then ends in the old file. What is deleted was read before: a file that
        came and went unseen is not there for anybody."""
        time.sleep(TICK)
        self.files += 1
        if self.files % 3 == 0:
            self.all_read()
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
        if self.random.random() < 0.5:
            pathlib.Path(f"{self.path}-copy").write_bytes(b"kept elsewhere\n")
        self.all_read()
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

    def is_over(self, passed):
        """A busy machine takes its time to read all before a cut; some there must be."""
        return passed >= 1 and (self.cut_count if self.cuts else self.files) > 3

    def run(self):
        try:
            began, bursts = time.monotonic(), [0.1, 0.3]
            while not self.is_over(passed := (time.monotonic() - began) / SECONDS):
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
        for storm, each in zip(storms, readers):
            storm.readers = each
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
