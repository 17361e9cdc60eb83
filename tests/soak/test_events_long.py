"""Hours of event streams: readers that come and go, a writer that tears lines and renames its file, gates that are
killed. Each reader sees every line once and in order, without a reset. SOAK_SECONDS (3600) is how long, SOAK_SEED
which order."""
import json
import os
import random
import threading
import time

import kernel
from conftest import SLACK, wait_for
from eventstreams import start
from test_events import Flapping, start_reading, write_torn

SECONDS = float(os.environ.get("SOAK_SECONDS", 3600))
SEED = int(os.environ.get("SOAK_SEED", time.time()))
READERS, GROWTH = 100, 24


def kill_gates(reeve, dice, over):
    while not over.wait(dice.uniform(1, 10)):
        kernel.kill(dice.choice(wait_for(reeve.gates)))


def test_every_line_once(reeve, folder):
    dice = random.Random(SEED)
    print(f"SOAK_SEED={SEED} SOAK_SECONDS={SECONDS}")
    writer = start(reeve, folder)
    writer.open()
    readers = [Flapping(reeve, dice.random(), b"the end") for _ in range(READERS)]
    over = threading.Event()
    killer = threading.Thread(target=kill_gates, args=(reeve, random.Random(SEED), over))
    writer.write(b"the beginning\n")
    start_reading(readers)
    killer.start()
    end, expected = time.monotonic() + SECONDS, [b"the beginning"]
    while time.monotonic() < end:
        lines = [json.dumps({"n": len(expected) + n, "text": "x" * dice.choice((0, 10, 3000))}).encode() + b"\n"
                 for n in range(100)]
        write_torn(writer, dice, lines, 0.5)
        expected += [line[:-1] for line in lines]
        for number in range(1, writer.rotated - 50):  # as rotation does
            (folder / f"events.jsonl.{number}").unlink(missing_ok=True)
        if not any(thread.is_alive() for thread in readers):
            break
    over.set()
    killer.join()
    writer.write(b"the end\n")
    for thread in readers:
        thread.join(120 * SLACK)
        assert not thread.is_alive() and thread.error is None, thread.error
        assert thread.other == [] and thread.seen == [*expected, b"the end"]
    for gate in reeve.gates():
        wait_for(lambda: len(kernel.descriptors(gate)) < GROWTH + 60, 70, "old files to be closed")
