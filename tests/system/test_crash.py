"""Roles and kept processes that are killed or hang (design §3 "Crash", budget of §11)."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

import pytest

import kernel
from conftest import PROGRAMS, PYTHON, SLACK, program, seconds, wait_for, whole_lines
from peers import Peer

PAUSE = 0.05  # a connect made this long after a kill, or later, gets a complete answer


class ConnectLoop:
    """programs/connect_loop.py: connects all the time, in a process of its own."""

    def __init__(self, reeve, *paths):
        self.file = reeve.folder / "connects.jsonl"
        self.process = subprocess.Popen([PYTHON, PROGRAMS / "connect_loop.py", str(reeve.port), self.file, *paths],
                                        stdin=subprocess.PIPE)

    def results(self):
        return [json.loads(line) for line in whole_lines(self.file)]

    def answered_since(self, moment):
        return [result for result in self.results() if result["began"] >= moment and result["wrong"] is None]

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        return self.results()


@contextlib.contextmanager
def connect_loop(reeve, *paths):
    loop = ConnectLoop(reeve, *paths)
    try:
        wait_for(lambda: len(loop.answered_since(0)) >= 20, what="the connect loop to get answers")
        yield loop
    finally:
        if loop.process.poll() is None:
            loop.process.kill()
            loop.process.wait()


def kill_whole(pid):
    """A killed process goes on until the kernel has closed what it had open."""
    kernel.kill(pid)
    wait_for(lambda: not kernel.alive(pid), what="it to be gone")


def timed(kill):
    """Runs kill(); the moments just before it and when the process had gone."""
    before = time.monotonic()
    kill()
    return before, time.monotonic()


def assert_only_brief_loss(results, kills):
    """A connect may fail only when it was made before a kill, or within PAUSE after it, and was open then."""
    for result in results:
        excused = any(result["began"] < after + PAUSE and result["ended"] >= before for before, after in kills)
        assert result["wrong"] is None or excused, f"kills: {kills}, and {result}"
    for _, after in kills:
        assert [result for result in results if result["began"] >= after + PAUSE]


def serve(reeve, more="", **head):
    """An HTTP service under /api/ and a folder of files beside it."""
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/page.txt").write_text("page\n" * 1000)
    return reeve.start(f"services:\n  echo: {{command: [{program('echo.py')}, --port, '${{PORT}}']}}\n{more}"
                       "routes:\n  - {path: /api/*, to: echo}\n  - {path: /*, files: files}\n", **head)


def ready_pid(reeve, name):
    return reeve.wait_state(name, "ready")["run"]["pid"]


@pytest.mark.parametrize("workers", [1, 2])
def test_gates_killed_under_a_connect_loop(reeve, workers):
    serve(reeve, workers=workers)
    pid = ready_pid(reeve, "echo")
    kills = []
    with connect_loop(reeve, "/api/", "/page.txt") as loop:
        for _ in range(4):
            before = reeve.gates()
            assert len(before) == workers
            victim = before[len(kills) % workers]
            kills.append(timed(lambda: kill_whole(victim)))
            wait_for(lambda: len(set(reeve.gates()) - {victim}) == workers, what="another gate")
            wait_for(lambda: len(loop.answered_since(kills[-1][1] + PAUSE)) >= 20, what="answers after the kill")
        results = loop.stop()
    assert_only_brief_loss(results, kills)
    assert ready_pid(reeve, "echo") == pid, "kept processes do not notice"
    reeve.stop()
    rows = [evidence for _, event, evidence in reeve.journal() if event == "gate-exit" and evidence.get("signal") == 9]
    assert len(rows) == 4 and all(row["pid"] and row["start_time"] for row in rows)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_keeper_killed_under_a_connect_loop(reeve, workers):
    serve(reeve, workers=workers, drain="{timeout: 3s}")
    pid, old_gates = ready_pid(reeve, "echo"), reeve.gates()
    with connect_loop(reeve, "/api/", "/page.txt") as loop:
        killed = timed(reeve.kill_keeper)
        reeve.spawn()
        wait_for(reeve.serving, 20, "the new keeper to serve")
        wait_for(lambda: len(loop.answered_since(killed[1] + PAUSE)) >= 20, what="answers after the kill")
        assert not set(reeve.gates()) & set(old_gates)
        wait_for(lambda: not any(map(kernel.alive, old_gates)), 10, "the old gates to end")
        results = loop.stop()
    assert_only_brief_loss(results, [killed])
    row = reeve.wait_state("echo", "ready")
    assert row["run"]["pid"] == pid and row["run"]["generation"] == 1 and row["restarts"] == 0
    reeve.stop()
    assert [row[1] for row in reeve.journal() if row[0] == "echo"].count("spawn") == 1
    assert [evidence["pid"] for _, event, evidence in reeve.journal() if event == "adopted"] == [pid]


def outlives_the_keeper(reeve):
    """Whether a gate that has something open goes on with it although it answers the next keeper after two seconds only."""
    gate, = reeve.gates()
    with Peer.connect(reeve.port) as client:
        client.send("POST /api/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
        client.read_to(b"HTTP/1.1 100 Continue\r\n\r\n")  # the request is open
        client.send("abc")
        kernel.kill(gate, signal.SIGSTOP)
        reeve.kill_keeper()
        reeve.spawn()
        time.sleep(2)  # the keeper asks it meanwhile
        kernel.kill(gate, signal.SIGCONT)
        wait_for(reeve.serving, 20, "the new keeper to serve")
        if not kernel.alive(gate):
            return False
        client.send("def")
        return client.read_to(b"\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_gate_that_answers_late_keeps_what_it_has_open(reeve):
    serve(reeve, workers=1)
    ready_pid(reeve, "echo")
    for _ in range(3):  # a machine may stand still for all the time that a gate has
        if outlives_the_keeper(reeve):
            return
    pytest.fail("a gate was killed that had not hung")


def test_without_a_keeper_the_gates_go_on(reeve):
    serve(reeve, workers=2)
    ready_pid(reeve, "echo")
    gates = reeve.gates()
    reeve.kill_keeper()
    for path in ("/api/", "/page.txt", "/health"):
        assert reeve.get(path)[0] == 200
    assert all(map(kernel.alive, gates))
    reeve.spawn()
    wait_for(reeve.serving, 20, "the new keeper to serve")


def test_all_but_the_holds_killed(reeve):
    """Adopted and serving within a second; not a line of output is lost or doubled, whoever is killed."""
    total = reeve.folder / "total"
    reeve.start(f"services:\n  talker: {{command: [{program('numbers.py')}, --port, '${{PORT}}', --total, '{total}']}}\n"
                "routes: [{path: /*, to: talker}]\n", workers=2)
    pid = ready_pid(reeve, "talker")
    for _ in range(2):
        said = len(reeve.lines("talker"))
        gates = reeve.gates()
        reeve.kill_keeper()
        for gate in gates:
            kernel.kill(gate)
        wait_for(lambda: not any(map(kernel.alive, gates)), what="the gates to be gone")
        with pytest.raises(ConnectionRefusedError):
            reeve.get()
        wait_for(lambda: len(reeve.lines("talker")) > said + 50, what="the hold to write on")
        begun = time.monotonic()
        reeve.spawn()
        wait_for(lambda: answers(reeve, pid), 20, "the adopted service to be served")
        assert time.monotonic() - begun < SLACK
        wait_for(reeve.serving, 20, "the new keeper to serve")
        row = reeve.target("talker")
        assert (row["state"], row["run"]["pid"], row["run"]["generation"], row["restarts"]) == ("ready", pid, 1, 0)
    reeve.verb("stop", "talker")
    numbers = [int(line["text"].removeprefix("number ")) for line in reeve.lines("talker")]
    assert numbers == list(range(1, int(total.read_text()) + 1))
    shown = reeve.verb("logs", "talker").stdout.splitlines()
    assert shown == [f"number {number}" for number in numbers]


def answers(reeve, pid):
    try:
        return reeve.get()[2] == str(pid).encode()
    except OSError:
        return False


def test_a_hung_gate_is_replaced(reeve):
    serve(reeve, workers=2)
    ready_pid(reeve, "echo")
    hung = reeve.gates()[0]
    stopped = time.monotonic()
    kernel.kill(hung, signal.SIGSTOP)
    wait_for(lambda: hung not in reeve.gates() and len(reeve.gates()) == 2, 20, "the hung gate to be replaced")
    assert 7 < time.monotonic() - stopped < 13 * SLACK, "10 s from its last sign of life, which was before"
    assert not kernel.alive(hung)
    for _ in range(20):
        assert reeve.get("/api/")[0] == 200
    reeve.stop()
    (evidence,) = [evidence for _, event, evidence in reeve.journal() if event == "gate-killed"]
    assert evidence["pid"] == hung and evidence["signal"] == 9 and "10 s" in evidence["reason"]


def test_a_hung_gate_does_not_keep_others_from_serving(reeve):
    serve(reeve, workers=2)
    ready_pid(reeve, "echo")
    hung = reeve.gates()[0]
    kernel.kill(hung, signal.SIGSTOP)
    wait_for(lambda: kernel.stat(hung)[0] == "T", what="the gate to be stopped")
    for _ in range(50):
        assert reeve.get("/page.txt", timeout=60)[0] == 200
    kernel.kill(hung, signal.SIGCONT)


def test_a_killed_process_comes_back(reeve):
    serve(reeve)
    pid = ready_pid(reeve, "echo")
    kernel.kill(pid)
    row = wait_for(lambda: (row := reeve.target("echo"))["ready"] and row["run"]["pid"] != pid and row)
    assert row["restarts"] == 1 and row["run"]["generation"] == 2
    assert reeve.get("/api/")[0] == 200
    reeve.stop()
    (evidence,) = [evidence for name, event, evidence in reeve.journal()
                   if (name, event) == ("echo", "exit") and evidence["generation"] == 1]
    assert evidence["cause"] == "signal" and evidence["pid"] == pid and "SIGKILL" in evidence["text"]


def family(reeve):
    """A service with a grandchild that has left its session and its parent, and is deaf to SIGTERM."""
    file = reeve.folder / "grandchild"
    reeve.start(f"services:\n  family: {{command: [{program('family.py')}, '{file}'], listen: none,"
                " backoff: {initial: 100ms}, stop: {grace: 500ms}}\n")
    wait_for(file.exists, what="the grandchild")
    grandchild = int(file.read_text())
    row = reeve.wait_state("family", "ready")
    hold = kernel.parent(row["run"]["pid"])
    assert kernel.session(grandchild) not in (row["run"]["pid"], hold)
    wait_for(lambda: kernel.parent(grandchild) == hold, what="the hold to adopt the grandchild")
    return file, row["run"]["pid"], hold, grandchild


def test_nothing_of_a_stopped_service_is_left(reeve):
    _, pid, hold, grandchild = family(reeve)
    reeve.verb("stop", "family")
    assert not kernel.alive(pid) and not kernel.alive(grandchild)
    wait_for(lambda: not kernel.alive(hold), what="the hold to end, too")
    assert reeve.target("family")["state"] == "down"


def test_a_killed_hold_takes_its_whole_run_along(reeve):
    file, pid, hold, grandchild = family(reeve)
    file.unlink()
    kernel.kill(hold)
    wait_for(lambda: not any(map(kernel.alive, (pid, hold, grandchild))), what="the run to be killed whole")
    wait_for(file.exists, what="the next run")
    row = reeve.wait_state("family", "ready")
    assert row["run"]["generation"] == 2 and row["run"]["pid"] != pid
    reeve.stop()
    rows = [row for row in reeve.journal() if row[0] == "family" and row[2].get("generation") == 1]
    assert [row[2]["hold"] for row in rows if row[1] == "lost"] == [hold]
    killed = {row[2]["pid"]: row[2] for row in rows if row[1] == "signal"}
    assert grandchild in killed, "the kernel itself kills only the main process (PR_SET_PDEATHSIG)"
    assert all(row["signal"] == 9 and row["start_time"] and row["found_by"] and row["command"]
               for row in killed.values())


def test_a_run_whose_hold_died_without_a_keeper_is_killed_whole(reeve):
    file, pid, hold, grandchild = family(reeve)
    reeve.kill_keeper()
    file.unlink()
    kernel.kill(hold)
    wait_for(lambda: not kernel.alive(hold), what="the hold to be gone")
    assert kernel.alive(grandchild)
    reeve.spawn()
    wait_for(file.exists, 20, "the next run")
    wait_for(lambda: not any(map(kernel.alive, (pid, grandchild))), what="the run to be killed whole")


def test_a_run_that_ended_without_a_keeper_is_not_forgotten(reeve):
    """The hold keeps the exit status until a keeper has taken it."""
    os.mkfifo(reeve.folder / "gate")
    reeve.start("services: {brief: {command: [sh, -c, 'read x < gate; exit 7'], listen: none, restart: never}}\n")
    reeve.wait_state("brief", "ready")
    reeve.kill_keeper()
    (reeve.folder / "gate").write_text("go\n")
    pid = next(record["main"]["pid"] for record in reeve.records())
    wait_for(lambda: not kernel.alive(pid), what="the process to end")
    reeve.spawn()
    wait_for(reeve.serving, 20, "the new keeper to serve")
    row = reeve.wait_state("brief", "failed")
    assert row["cause"]["kind"] == "exit" and row["cause"]["code"] == 7
    assert row["run"]["generation"] == 1


def test_the_restart_schedule_can_be_seen(reeve):
    """Doubling from `initial` to `max`, a fifth of jitter; each attempt shows when the next one comes, and why."""
    reeve.start("services:\n  broken: {command: [sh, -c, 'exit 7'], listen: none,"
                " backoff: {initial: 200ms, max: 800ms}}\n")
    seen = []
    def look():
        row = reeve.target("broken")
        if row["state"] == "backoff" and row["restarts"] not in [each["restarts"] for each in seen]:
            seen.append(row)
        return row["restarts"] >= 6
    wait_for(look, what="six restarts")
    assert seen, "the pauses are long enough to be seen"
    for row in seen:
        assert row["cause"] == {"kind": "exit", "code": 7, "signal": None, "text": row["cause"]["text"]}
        assert re.fullmatch(r"exited with 7 after \d+\.\d s", row["cause"]["text"])
        assert row["wanted"] == "up" and not row["ready"] and row["run"]["pid"] is None
        pause = seconds(row["next_attempt"]) - seconds(row["since"])
        planned = min(0.2 * 2 ** row["restarts"], 0.8)
        assert planned * 0.79 - 0.05 < pause < planned * 1.21 + 0.5, row
    shown = wait_for(lambda: "backoff" in (done := reeve.verb("status", check=False)).stdout and done)
    assert shown.returncode == 1 and "exited with 7" in shown.stdout
