"""The order of start and stop (design §3), hooks, and what is answered meanwhile."""
import contextlib
import http.client
import json
import os
import signal
import threading
import time
import urllib.parse

import pytest

import kernel
from conftest import SLACK, program, wait_for, words_in
from peers import Peer, frame, handshake

STARTING = ["jobs left behind end", "startup hooks", "loops and targets begin", "requests are answered"]
STOPPING = ["not ready", "loops end", "drain", "targets stop"]


def counted(name, file, more=""):
    return (f"  {name}: {{command: [{program('counted.py')}, --port, '${{PORT}}', --record, '{file}', --name, {name}]"
            f"{more}}}\n")


def told(file):
    return [line.split()[:2] for line in file.read_text().splitlines()] if file.exists() else []


def console(reeve):
    return urllib.parse.urlsplit(reeve.status()["keeper"]["console"]).netloc


def details(reeve, address=None):
    """The details of /health, from the console's listener."""
    with contextlib.closing(http.client.HTTPConnection(address or console(reeve), timeout=120)) as connection:
        connection.request("GET", "/health")
        return json.loads(connection.getresponse().read())


def answering(reeve):
    wait_for(lambda: reeve.process.poll() is not None or answers(reeve), 20, "reeve to answer")
    assert reeve.process.poll() is None, reeve.log()


def answers(reeve):
    try:
        return reeve.get("/health")[0] == 200
    except OSError:
        return False


# --- the order -------------------------------------------------------------------------------------------------

def test_the_order_of_a_start_and_a_stop(reeve):
    """Programs write to one file what they live through: it is the documented order, and so is the journal."""
    file = reeve.folder / "trace"
    say = f"echo $0 $1 >> {file}"
    loop = f"trap \"echo loop stop >> {file}; exit\" TERM; echo loop start >> {file}; sleep 1000 & wait"
    reeve.start("hooks:\n"
                f"  startup: [[sh, -c, '{say}', first, startup], [sh, -c, '{say}', second, startup]]\n"
                f"  shutdown: [[sh, -c, '{say}', first, shutdown], [sh, -c, '{say}', second, shutdown]]\n"
                f"loops:\n  work: {{every: 1s, command: [sh, -c, '{loop}']}}\n"
                "services:\n" + counted("web", file, ", depends_on: [base]") + counted("base", file) +
                "routes: [{path: /*, to: web}]\n")
    reeve.wait_state("web", "ready", timeout=20)
    for line in (["loop", "start"], ["base", "listen"], ["web", "listen"]):  # who listens is ready, and says so then
        wait_for(lambda line=line: line in told(file), what=" ".join(line))
    reeve.stop()
    trace = told(file)
    assert trace[:2] == [["first", "startup"], ["second", "startup"]]
    begun = [line for line in trace if line[1] in ("start", "listen")]
    assert sorted(trace[2:7]) == sorted(begun), "loops and targets begin together, after the hooks"
    assert [line for line in begun if line[0] != "loop"] == [["base", "start"], ["base", "listen"],
                                                            ["web", "start"], ["web", "listen"]]
    assert trace[7:] == [["loop", "stop"], ["first", "shutdown"], ["second", "shutdown"],
                         ["web", "stop"], ["base", "stop"]]
    rows = reeve.journal()
    assert [evidence["phase"] for _, event, evidence in rows if event == "phase"] == STARTING + STOPPING
    names = [(target, event) for target, event, _ in rows]
    order = [(None, "start"), ("hook:startup:1", "spawn"), ("hook:startup:1", "exit"), ("hook:startup:2", "spawn"),
             ("hook:startup:2", "exit"), ("base", "spawn"), ("web", "spawn"),
             (None, "signal-received"), (None, "stop"), ("loop:work", "stop"), ("hook:shutdown:1", "spawn"),
             ("hook:shutdown:2", "exit"), ("web", "stop"), ("base", "stop"), (None, "end")]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)
    assert names.index(("hook:startup:2", "exit")) < names.index((None, "serving"))


def test_not_ready_comes_before_anything_ends(reeve):
    """While a loop takes its time to end, /ready says no and requests are still answered."""
    file = reeve.folder / "pid"
    loop = f"trap \"while ! test -e go; do sleep 0.05; done; exit\" TERM; echo $$$$ > {file}; sleep 1000 & wait"
    reeve.start("services:\n" + counted("web", reeve.folder / "events") +
                f"loops:\n  slow: {{every: 1s, command: [sh, -c, '{loop}']}}\n"
                "routes: [{path: /*, to: web}]\n")
    reeve.wait_state("web", "ready", timeout=20)
    wait_for(lambda: words_in(file), what="the loop's run")
    wait_for(lambda: reeve.get("/ready")[0] == 200, what="reeve to be ready")
    reeve.process.send_signal(signal.SIGTERM)
    wait_for(lambda: reeve.get("/ready")[0] == 503, 1, "/ready to say no")
    assert kernel.alive(int(file.read_text())), "the loop is still ending"
    assert reeve.get("/x")[0] == 200 and reeve.get("/health")[0] == 200
    (reeve.folder / "go").touch()
    assert reeve.process.wait(20 * SLACK) == 0


# --- startup hooks ---------------------------------------------------------------------------------------------

def test_a_request_during_a_startup_hook_is_answered_after_it(reeve):
    hook = "while ! test -e go; do sleep 0.05; done"
    reeve.configure(f"hooks: {{startup: [[sh, -c, '{hook}']]}}\nservices:\n" + counted("web", reeve.folder / "events") +
                    "routes: [{path: /*, to: web}]\n")
    reeve.spawn()
    answering(reeve)
    waiting = []
    thread = threading.Thread(target=lambda: waiting.append(reeve.get("/work")))
    thread.start()
    assert reeve.get("/ready")[0] == 503 and json.loads(reeve.get("/health")[2]) == {"status": "ok"}
    assert reeve.target("web")["state"] == "down", "nothing is started before the hooks are over"
    assert not waiting
    (reeve.folder / "go").touch()
    thread.join(30 * SLACK)
    assert waiting[0][0] == 200
    assert reeve.get("/ready")[0] == 200


@pytest.mark.parametrize("hook, why", [
    ("[sh, -c, 'echo one; echo two words >&2; exit 3']", "exited with 3"),
    ("[/does/not/exist]", "No such file"),
    ("[sh, -c, 'kill -9 $$$$']", "SIGKILL"),
])
def test_a_failing_startup_hook_ends_the_start(reeve, hook, why):
    file = reeve.folder / "later"
    reeve.configure(f"hooks:\n  startup:\n    - {hook}\n    - [touch, '{file}']\n  shutdown: []\n"
                    f"services: {{web: {{command: [touch, '{file}'], listen: none}}}}\n")
    reeve.spawn()
    assert reeve.process.wait(20 * SLACK) == 1
    text = reeve.err.read_text()
    assert "startup hook 1" in text and why in text
    if "echo" in hook:
        assert "\n  one\n" in text and "\n  two words" in text, text
    assert not file.exists(), "nothing comes after it"
    assert reeve.left() == []
    assert [event for _, event, _ in reeve.journal()].count("hook-failed") == 1


def test_sigterm_during_a_startup_hook_ends_it(reeve):
    file = reeve.folder / "pids"
    reeve.configure(f"hooks: {{startup: [[sh, -c, 'sleep 1000 & echo $! $$$$ > {file}; wait'], [touch, later]]}}\n")
    reeve.spawn()
    wait_for(lambda: len(words_in(file)) == 2, what="the hook")
    begun = time.monotonic()
    reeve.process.send_signal(signal.SIGTERM)
    assert reeve.process.wait(20 * SLACK) == 0
    assert time.monotonic() - begun < 4 * SLACK
    assert not any(kernel.alive(int(pid)) for pid in file.read_text().split())
    assert not (reeve.folder / "later").exists()


def test_a_dead_keepers_hook_never_runs_beside_ours(reeve):
    file = reeve.folder / "pids"
    reeve.configure(f"hooks: {{startup: [[sh, -c, 'echo $$$$ >> {file}; exec sleep 1000']]}}\n")
    reeve.spawn()
    wait_for(lambda: words_in(file), what="the hook")
    reeve.kill_keeper()
    reeve.spawn()
    wait_for(lambda: len(words_in(file)) == 2, what="the hook of the next keeper")
    assert not kernel.alive(int(file.read_text().split()[0]))


# --- stop ------------------------------------------------------------------------------------------------------

def test_shutdown_hooks_that_fail_or_hang_do_not_keep_reeve(reeve):
    file = reeve.folder / "trace"
    reeve.start(f"hooks: {{shutdown: [[sh, -c, 'exit 4'], [sh, -c, 'echo hangs >> {file}; sleep 1000'],"
                f" [touch, '{reeve.folder / 'never'}']]}}\ndrain: {{timeout: 1s}}\n"
                "services: {web: {command: [sleep, '1000'], listen: none}}\n")
    pid = reeve.wait_state("web", "ready")["run"]["pid"]
    begun = time.monotonic()
    reeve.stop()
    assert 9 < time.monotonic() - begun < 20 * SLACK, "they have ten seconds"
    assert told(file) == [["hangs"]] and not kernel.alive(pid)
    text = reeve.err.read_text()
    assert "shutdown hook 1" in text and "exited with 4" in text and "shutdown hook 2" in text


def test_a_second_signal_kills(reeve):
    script = "trap : TERM; while :; do sleep 1000 & wait; done"
    reeve.start(f"hooks: {{shutdown: [[sleep, '1000']]}}\n"
                f"loops: {{work: {{every: 1s, command: [sh, -c, '{script}']}}}}\n"
                f"services: {{web: {{command: [sh, -c, '{script}'], listen: none, stop: {{grace: 60s}}}}}}\n")
    reeve.wait_state("web", "ready")
    begun = time.monotonic()
    reeve.process.send_signal(signal.SIGTERM)
    wait_for(lambda: reeve.status()["keeper"]["phase"] == "stopping", what="it to be stopping")
    reeve.process.send_signal(signal.SIGTERM)
    assert reeve.process.wait(20 * SLACK) == 0
    assert time.monotonic() - begun < 6 * SLACK


def test_open_streams_are_told_and_end_within_the_budget(reeve):
    """A hundred WebSockets and a hundred event streams: each hears a goodbye, and the stop keeps its time."""
    (reeve.folder / "data").mkdir()
    (reeve.folder / "data/events.jsonl").write_text('{"n": 1}\n')
    reeve.start(f"services:\n  echo: {{command: [{program('ws_echo.py')}, --port, '${{PORT}}']}}\n"
                "routes:\n  - {path: /echo, to: echo}\n"
                "  - {path: /events, events: {file: data/events.jsonl, from: start}}\n", drain="{timeout: 10s}")
    reeve.wait_state("echo", "ready", timeout=20)
    with contextlib.ExitStack() as stack:
        sockets, streams = [], []
        for _ in range(100):
            client = stack.enter_context(Peer.connect(reeve.port))
            client.send(handshake("/echo"))
            sockets.append(client)
            client = stack.enter_context(Peer.connect(reeve.port))
            client.send("GET /events HTTP/1.1\r\nHost: x.localhost\r\nAccept: text/event-stream\r\n\r\n"
                        .replace("x.localhost", "127.0.0.1"))
            streams.append(client)
        for client in sockets:
            assert b" 101 " in client.read_to(b"\r\n\r\n")
        for client in streams:
            client.read_to(b'{"n": 1}')
        begun = time.monotonic()
        reeve.process.send_signal(signal.SIGTERM)
        for client in sockets:
            while (seen := client.read_frame())[0] == 9:  # whoever found it silent
                client.send(frame(10, seen[1]))
            opcode, payload, _ = seen
            assert opcode == 8 and int.from_bytes(payload[:2], "big") == 1001
            client.send(frame(8, payload[:2]))
        for client in streams:
            assert b"retry:" in client.read_to_end(), "told when to come back"
        assert reeve.process.wait(20 * SLACK) == 0
        assert time.monotonic() - begun < 10 + 2 * SLACK
    assert "gates do not send" not in reeve.log()
    assert "phase-late" not in [event for _, event, _ in reeve.journal()]


# --- health ----------------------------------------------------------------------------------------------------

def test_health_has_details_for_the_console_alone(reeve):
    reeve.start("services: {web: {command: [sleep, '1000'], listen: none}, off: {command: [false], listen: none,"
                " backoff: {initial: 1h, max: 1h}}}\n"
                "loops: {tick: {every: 200ms, command: ['true']}, bad: {every: 200ms, command: ['false']}}\n")
    reeve.wait_state("off", "backoff")
    wait_for(lambda: details(reeve)["degraded"], what="the details to tell of the loop")
    assert reeve.get("/health")[2] == b'{"status":"ok"}'
    found = wait_for(lambda: (now := details(reeve))["phase"] == "serving" and now, what="news of the phase")
    assert found["status"] == "degraded" and found["pid"] == reeve.process.pid
    assert found["targets"]["wanted"] == 2 and found["targets"]["ready"] == 1
    assert found["targets"]["not_ready"][0]["name"] == "off" and "exited" in found["targets"]["not_ready"][0]["cause"]
    assert [row["name"] for row in found["loops"]] == ["tick", "bad"]
    assert found["loops"][0]["ok"] and not found["loops"][1]["ok"] and found["loops"][1]["age_ms"] >= 0
    assert found["degraded"][0]["what"] == "loop bad" and found["degraded"][0]["age_ms"] >= 0
    assert found["gates"] and found["monitor"]["watched"] >= 1 and found["keeper_age_ms"] < 2000 * SLACK


def test_a_token_shows_the_details_everywhere(reeve):
    reeve.start("loops: {tick: {every: 1h, command: ['true']}}\n")
    token = reeve.verb("token", "create", "ci").stdout.split()[-1]
    with_token = {"Authorization": f"Bearer {token}"}
    found = wait_for(lambda: (answer := json.loads(reeve.get("/health", with_token)[2])).get("phase") == "serving" and answer,
                     what="the token to be known")
    assert found["loops"][0]["name"] == "tick"
    for wrong in (f"Bearer {token}x", "Bearer reeve_", "Basic eDp5"):
        assert reeve.get("/health", {"Authorization": wrong})[2] == b'{"status":"ok"}'


def test_health_does_not_wait_for_a_stopped_keeper(reeve):
    reeve.start("loops: {tick: {every: 1h, command: ['true']}}\n")
    address = console(reeve)
    wait_for(lambda: details(reeve)["loops"][0]["last"], what="the first run")
    os.kill(reeve.process.pid, signal.SIGSTOP)
    try:
        time.sleep(1.5)  # the time that the ages below must show
        found = details(reeve, address)
        assert found["loops"][0]["age_ms"] >= 1500 and found["keeper_age_ms"] >= 500
    finally:
        os.kill(reeve.process.pid, signal.SIGCONT)
