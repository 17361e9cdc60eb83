"""Hours of being killed: gates, keeper, holds and kept processes, in an order drawn from a printed seed, under load.

SOAK_SECONDS (3600) is how long, SOAK_SEED which order. What must hold all the time: a connect made 50 ms after a kill
of a gate or the keeper gets a complete answer (200, or 503 while the kept process is away), nothing leaks."""
import os
import random
import time

import kernel
from conftest import process_alive, wait_for
from test_crash import PAUSE, assert_only_brief_loss, connect_loop, ready_pid, serve, timed

SECONDS = float(os.environ.get("SOAK_SECONDS", 3600))
SEED = int(os.environ.get("SOAK_SEED", time.time()))
GROWTH = 12  # descriptors a role may have more than at the start: what is in flight


def kill_gate(reeve, dice, kills):
    victim = dice.choice(reeve.gates())
    kills.append(timed(lambda: kernel.kill(victim)))
    wait_for(lambda: victim not in reeve.gates() and len(reeve.gates()) == 2, what="another gate")


def kill_keeper(reeve, dice, kills):
    del dice
    kills.append(timed(reeve.kill_keeper))
    reeve.spawn()
    wait_for(reeve.serving, 20, "the new keeper to serve")


def kill_kept(reeve, dice, kills):
    """The process itself, or its hold: whole, and back again."""
    row = reeve.wait_state("echo", "ready", timeout=60)
    pid = row["run"]["pid"]
    kills.append(timed(lambda: kernel.kill(dice.choice([pid, kernel.parent(pid)]))))
    wait_for(lambda: not process_alive(pid), what="the run to be gone")
    wait_for(lambda: reeve.target("echo")["ready"] and reeve.target("echo")["run"]["pid"] != pid, 60, "the next run")


def test_killed_in_any_order(reeve):
    dice = random.Random(SEED)
    print(f"SOAK_SEED={SEED} SOAK_SECONDS={SECONDS}")
    serve(reeve, workers=2, drain="{timeout: 1s}")
    ready_pid(reeve, "echo")
    before = len(kernel.descriptors(reeve.status()["keeper"]["pid"]))
    end, kills = time.monotonic() + SECONDS, []
    while time.monotonic() < end:
        with connect_loop(reeve, "/page.txt") as loop:
            for act in dice.choices([kill_gate, kill_keeper, kill_kept], [5, 2, 3], k=10):
                act(reeve, dice, kills)
                wait_for(lambda: len(loop.answered_since(kills[-1][1] + PAUSE)) >= 5, what="answers after the kill")
            assert_only_brief_loss(loop.stop(), kills)
        kills.clear()
        reeve.wait_state("echo", "ready", timeout=60)
        assert len(kernel.descriptors(reeve.status()["keeper"]["pid"])) <= before + GROWTH
        reeve.folder.joinpath("connects.jsonl").unlink()
