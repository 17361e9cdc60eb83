"""The reconcile loop: one pass. Lights the lamps that FOLDER/wanted names and puts out the others.

A lamp is a file in FOLDER/lamps. FOLDER/pass.json tells what this pass has changed."""
import json
import os
import pathlib
import sys
import time


def reconcile(wanted, lamps):
    lamps.mkdir(exist_ok=True)
    names = wanted.read_text().split()
    burning = set(os.listdir(lamps))
    for name in set(names) - burning:
        (lamps / name).touch()
    for name in burning - set(names):
        (lamps / name).unlink()
    return {"lit": sorted(set(names) - burning), "put out": sorted(burning - set(names))}


def main():
    folder = pathlib.Path(sys.argv[1])
    changed = reconcile(folder / "wanted", folder / "lamps")
    new = folder / "pass.json.new"
    new.write_text(json.dumps({"time": time.time(), **changed}))
    new.rename(folder / "pass.json")
    for what, names in changed.items():
        if names:
            print(what, *names, flush=True)


main()
