"""A job: job.py FOLDER STEPS yes|no. Writes its progress to FOLDER/events.jsonl; with `yes` it fails half way."""
import json
import os
import pathlib
import random
import sys
import time

WORK = ("reading the plan", "sorting the parts", "sawing", "planing", "gluing", "waiting for the glue", "sanding", "oiling")


def main():
    folder, steps, fails = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "yes"
    file = os.open(folder / "events.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for step in range(1, steps + 1):
        if fails and step > steps // 2:
            print("the saw has broken", flush=True)
            sys.exit(3)
        text = WORK[(step - 1) * len(WORK) // steps]
        os.write(file, json.dumps({"step": step, "of": steps, "text": text}).encode() + b"\n")
        time.sleep(random.uniform(0.2, 0.6))


main()
