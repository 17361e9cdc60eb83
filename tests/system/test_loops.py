"""Loops are watched (design §5): first run at start, results and ages in sight, backoff, deadlines, whole ends."""
import signal
import time

import pytest

import kernel
from conftest import SLACK, free_port, program, row_of, wait_for, words_in


def loop(reeve, name):
    return row_of(reeve.status()["loops"], name)


def degraded(reeve):
    return {row["what"]: row["reason"] for row in reeve.status()["degraded"]}


def test_the_first_run_comes_at_start_and_the_next_after_a_period(reeve):
    file = reeve.folder / "ticks"
    reeve.start(f"loops:\n  tick: {{every: 400ms, command: [sh, -c, 'date +%s.%N >> {file}; sleep 0.3']}}\n"
                f"  rare: {{every: 1h, command: [touch, '{reeve.folder / 'rare'}']}}\n")
    wait_for(lambda: (reeve.folder / "rare").exists(), what="the first run of a rare loop")
    wait_for(lambda: len(words_in(file)) >= 4, what="four runs")
    times = [float(word) for word in file.read_text().split()]
    pauses = [after - before for before, after in zip(times, times[1:])]
    assert all(pause >= 0.7 for pause in pauses), f"`every` counts from the end of a run: {pauses}"
    row = loop(reeve, "tick")
    assert row["ok"] and row["last"]["ok"] and row["runs"] >= 4 and row["failures"] == 0
    assert row["last"]["text"].startswith("exited with 0")
    row = loop(reeve, "rare")
    assert row["state"] == "waiting" and row["runs"] == 1 and row["age_ms"] >= 0 and row["next"]
    assert degraded(reeve) == {}
    text = reeve.verb("status").stdout
    assert "LOOP" in text and "rare" in text and "next in" in text


def test_at_waits_for_its_time(reeve):
    hour = (time.gmtime().tm_hour + 12) % 24
    reeve.start(f"loops: {{daily: {{at: '17 {hour} * * *', command: ['true']}}}}\n", environment={"TZ": "UTC"})
    row = loop(reeve, "daily")
    assert row["state"] == "waiting" and row["runs"] == 0 and row["next"].endswith(f"T{hour:02}:17:00.000Z")
    assert row["at"] == f"17 {hour} * * *" and row["last"] is None and row["age_ms"] is None


def test_a_failing_loop_is_seen_runs_again_and_recovers(reeve):
    good = reeve.folder / "good"
    reeve.start(f"loops:\n  shaky: {{every: 300ms, command: [sh, -c, 'test -e {good} || {{ echo no; exit 7; }}']}}\n")
    row = wait_for(lambda: (row := loop(reeve, "shaky"))["failures"] >= 3 and row, what="three failures in a row")
    assert not row["ok"] and "exited with 7" in row["last"]["text"]
    assert "exited with 7" in degraded(reeve)["loop shaky"]
    text = reeve.verb("status").stdout
    assert "failing" in text and "degraded" in text and "exited with 7" in text
    good.write_text("")
    wait_for(lambda: loop(reeve, "shaky")["ok"], 10, "the loop to recover")
    assert degraded(reeve) == {}
    assert reeve.verb("logs", "loop:shaky").stdout.splitlines()[0] == "no"
    assert "loop:other" in reeve.verb("logs", "loop:other", check=False).stderr
    reeve.stop()
    events = [(event, evidence) for target, event, evidence in reeve.journal() if target == "loop:shaky"]
    failed = [evidence for event, evidence in events if event == "loop-failed"]
    assert len(failed) >= 3 and failed[0]["generation"] == 1 and "exited with 7" in failed[0]["text"]
    assert all("pid" in evidence for evidence in failed), "0 where it had gone before it could be looked at"
    assert [event for event, _ in events].count("loop-recovered") == 1
    assert "spawn" not in [event for event, _ in events], "a loop must not bury the journal"


def test_failures_in_a_row_come_later_and_later(reeve):
    file = reeve.folder / "ticks"
    reeve.start(f"loops:\n  bad: {{every: 250ms, command: [sh, -c, 'date +%s.%N >> {file}; exit 1']}}\n")
    wait_for(lambda: len(words_in(file)) >= 5, 15, "five runs")
    times = [float(word) for word in file.read_text().split()]
    pauses = [after - before for before, after in zip(times, times[1:])][:4]
    for pause, least in zip(pauses, (0.25, 0.5, 1.0, 2.0)):
        assert pause >= least, pauses


def test_a_hanging_run_fails_at_its_deadline_and_nothing_of_it_is_left(reeve):
    pids = reeve.folder / "pids"
    script = f"trap : TERM; sleep 1000 & echo $! $$$$ >> {pids}; wait; sleep 1000"
    reeve.start(f"loops:\n  stuck: {{every: 300ms, timeout: 3s, command: [sh, -c, '{script}']}}\n")
    row = wait_for(lambda: (row := loop(reeve, "stuck"))["failures"] and row, what="the failure")
    assert row["last"]["text"] == "did not end within 3s" and row["state"] == "running", row
    assert "did not end within 3s" in degraded(reeve)["loop stuck"]
    wait_for(lambda: len(pids.read_text().splitlines()) >= 2, 15, "the next run")
    first = [int(word) for word in pids.read_text().splitlines()[0].split()]
    assert not any(kernel.alive(pid) for pid in first), "the run was killed whole"


def test_a_killed_run_and_a_killed_hold_are_seen(reeve):
    pids = reeve.folder / "pids"
    reeve.start(f"loops:\n  long: {{every: 300ms, command: [sh, -c, 'echo $$$$ >> {pids}; sleep 1000']}}\n")
    wait_for(lambda: words_in(pids), what="the first run")
    kernel.kill(int(pids.read_text().split()[0]))
    wait_for(lambda: "SIGKILL" in (loop(reeve, "long")["last"] or {}).get("text", ""), what="the kill to be seen")
    wait_for(lambda: len(words_in(pids)) == 2, what="the next run")
    second = int(pids.read_text().split()[1])
    kernel.kill(kernel.parent(second))
    wait_for(lambda: loop(reeve, "long")["failures"] == 2, what="the lost hold to be seen")
    assert "hold" in loop(reeve, "long")["last"]["text"]
    wait_for(lambda: len(words_in(pids)) == 3, what="the run after that")
    assert not kernel.alive(second), "they never run side by side"


def test_sigterm_ends_a_run(reeve):
    pids = reeve.folder / "pids"
    reeve.start(f"loops:\n  long: {{every: 300ms, command: [sh, -c, 'sleep 1000 & echo $! $$$$ > {pids}; wait']}}\n")
    wait_for(lambda: len(words_in(pids)) == 2, what="the run")
    begun = time.monotonic()
    reeve.stop()
    assert time.monotonic() - begun < 4 * SLACK
    assert not any(kernel.alive(int(word)) for word in pids.read_text().split())


def test_a_dead_keepers_run_is_ended_by_the_next(reeve):
    pids = reeve.folder / "pids"
    reeve.start(f"loops:\n  long: {{every: 300ms, command: [sh, -c, 'echo $$$$ >> {pids}; exec sleep 1000']}}\n")
    wait_for(lambda: words_in(pids), what="the run")
    first = int(pids.read_text())
    reeve.kill_keeper()
    assert kernel.alive(first)
    reeve.start()
    wait_for(lambda: len(words_in(pids)) == 2, what="the first run of the next keeper")
    assert not kernel.alive(first), "they never run side by side"


def test_http_loops_ask_a_service_with_their_method(reeve):
    file = reeve.folder / "events"
    counted = f"{program('counted.py')}, --port, '${{PORT}}', --record, '{file}', --name, api, --delay, '0.5'"
    reeve.start(f"services:\n  api: {{command: [{counted}]}}\n"
                "  lazy: {command: [sleep, '1000'], listen: tcp, start: demand}\n"
                "loops:\n  tick: {every: 200ms, http: {to: api, path: /tick, method: POST}}\n"
                "  other: {every: 200ms, http: {to: lazy, path: /}}\n")
    wait_for(lambda: loop(reeve, "tick")["runs"] >= 3, what="three requests")
    assert loop(reeve, "tick")["ok"], "the first one waited until the service was ready"
    assert "POST /tick" in file.read_text()
    row = loop(reeve, "other")
    assert row["skipped"] > 0 and row["failures"] == 0, "a service that nobody wants is not started for it"
    assert reeve.target("lazy")["state"] == "down"
    kernel.kill(reeve.target("api")["run"]["pid"], signal.SIGSTOP)
    reeve.stop()


def test_an_http_loop_fails_with_what_came(reeve):
    port = free_port()
    reeve.start(f"services:\n  gone: {{address: '127.0.0.1:{port}'}}\n"
                "loops:\n  tick: {every: 200ms, http: {to: gone, path: /}}\n")
    wait_for(lambda: loop(reeve, "tick")["failures"], what="the failure")
    assert "Connection refused" in loop(reeve, "tick")["last"]["text"]


def test_a_loop_gets_what_a_child_gets(reeve):
    file = reeve.folder / "environment"
    reeve.start(f"services:\n  api: {{command: [sleep, '1000'], listen: 'tcp:{(port := free_port())}', ready: {{none: true}}}}\n"
                f"loops:\n  look: {{every: 1h, command: [sh, -c, 'pwd > {file}; echo \"$0\" >> {file}; env >> {file}',"
                " '${services.api.port}']}\n", environment={"SECRET": "1", "NOTIFY_SOCKET": "/nowhere"})
    wait_for(lambda: loop(reeve, "look")["last"], what="the run")
    lines = file.read_text().splitlines()
    assert lines[:2] == [str(reeve.folder), str(port)]
    names = {line.split("=")[0] for line in lines[2:]}
    assert {"PATH", "HOME", "REEVE_RUN"} <= names and not {"SECRET", "NOTIFY_SOCKET", "PORT"} & names
    assert "REEVE_NAME=loop:look" in lines


@pytest.mark.parametrize("vital, pinged", [("false", True), ("true", False)])
def test_a_vital_loop_stops_the_watchdogs_pings(reeve, vital, pinged):
    import socket
    path = reeve.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5 * SLACK)
        reeve.configure(f"loops:\n  bad: {{every: 100ms, vital: {vital}, command: [sh, -c, 'test ! -e bad']}}\n")
        reeve.start(environment={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"})
        until(manager, b"READY=1")
        until(manager, b"WATCHDOG=1")
        (reeve.folder / "bad").write_text("")
        wait_for(lambda: loop(reeve, "bad")["failures"] >= 2, what="the loop to fail")
        drain(manager)
        manager.settimeout(20 * SLACK if pinged else 1.2)
        assert heard(manager) is pinged
        (reeve.folder / "bad").unlink()
        manager.settimeout(20 * SLACK)
        until(manager, b"WATCHDOG=1")
        reeve.stop()
        drain(manager)


def until(manager, wanted):
    while manager.recv(1000) != wanted:
        pass


def drain(manager):
    manager.setblocking(False)
    try:
        while True:
            manager.recv(1000)
    except BlockingIOError:
        pass


def heard(manager):
    try:
        return manager.recv(1000) == b"WATCHDOG=1"
    except TimeoutError:
        return False
