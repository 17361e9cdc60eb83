"""A job: writes what it does to events.jsonl in its folder, one JSON object per line.

worker.py FOLDER --lines N --every SECONDS [--delay SECONDS]: ends after N lines; with 0 lines it stays until it is
told to end. The file is made by its first line, `delay` seconds after the start."""
import argparse
import json
import os
import pathlib
import signal
import sys
import time


def write(file, event):
    os.write(file, json.dumps(event).encode() + b"\n")  # one write per line


def work(file, options):
    write(file, {"event": "started", "pid": os.getpid(), "time": time.time()})
    while not options.lines:
        signal.pause()
    for number in range(options.lines):
        time.sleep(options.every)
        write(file, {"event": "step", "number": number, "time": time.time()})
    return "finished"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--every", type=float, default=1)
    parser.add_argument("--delay", type=float, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    time.sleep(options.delay)
    file = os.open(options.folder / "events.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        last = work(file, options)
    except SystemExit:
        last = "stopped"
    write(file, {"event": last, "time": time.time()})


if __name__ == "__main__":
    main()
