"""One pass of the reconcile loop: compares what is wanted with what is there, and writes down what it found.

reconcile.py FOLDER: FOLDER/wanted holds a name per line, FOLDER/there/ a file per name. Missing files are made, others
removed, and FOLDER/reconciled.json says when, how often, and what changed. A `wanted` that cannot be read is an error."""
import json
import os
import pathlib
import sys
import time


def reconcile(folder):
    there = folder / "there"
    there.mkdir(exist_ok=True)
    wanted = set((folder / "wanted").read_text().split())
    present = set(os.listdir(there))
    for name in wanted - present:
        (there / name).touch()
    for name in present - wanted:
        (there / name).unlink()
    return {"made": sorted(wanted - present), "removed": sorted(present - wanted)}


def run(folder):
    result = folder / "reconciled.json"
    passes = json.loads(result.read_text())["passes"] if result.exists() else 0
    new = result.with_suffix(".new")
    new.write_text(json.dumps({"passes": passes + 1, "time": time.time(), **reconcile(folder)}) + "\n")
    new.rename(result)


if __name__ == "__main__":
    run(pathlib.Path(sys.argv[1]))
