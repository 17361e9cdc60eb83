"""What is absent or broken degrades what needs it, in sight, and heals (design §5): reeve is up all the while."""
import json
import os
import signal
import socket
import subprocess
import time

import kernel
from conftest import PROGRAMS, PYTHON, SLACK, free_port, wait_for, whole_lines
from peers import Peer
from test_lifespan import counted, details


def reasons(reeve):
    return {row["what"]: row["reason"] for row in details(reeve)["degraded"]}


# --- holds -----------------------------------------------------------------------------------------------------

def test_a_stopped_hold_is_shown_and_the_watchdog_acts(reeve):
    file = reeve.folder / "events"
    reeve.start("services:\n" + counted("web", file) + "  other: {command: [sleep, '1000'], listen: none}\n"
                "routes: [{path: /*, to: web}]\n")
    row = reeve.wait_state("web", "ready", timeout=20)
    interval = details(reeve)["monitor"]["interval_ms"] / 1000
    assert interval == 2, "few holds are asked often"
    hold = kernel.parent(row["run"]["pid"])
    os.kill(hold, signal.SIGSTOP)
    begun = time.monotonic()
    wait_for(lambda: "stopped" in reasons(reeve).get("hold of web", ""), 2 * interval, "the monitor to show it")
    assert time.monotonic() - begun < 2 * interval + SLACK
    assert "hold of web" in reeve.verb("status").stdout
    assert reeve.get("/x")[0] == 200, "what it keeps still serves"
    wait_for(lambda: (now := reeve.target("web"))["ready"] and now["run"]["pid"] != row["run"]["pid"], 20,
             "the watchdog to have it started again")
    assert not kernel.alive(hold) and not kernel.alive(row["run"]["pid"]), "the run was killed whole"
    wait_for(lambda: "hold of web" not in reasons(reeve), what="nothing to be said of it any more")
    assert reeve.target("other")["restarts"] == 0
    reeve.stop()
    rows = {event: evidence for target, event, evidence in reeve.journal() if target == "web"}
    for event in ("hold-silent", "watchdog"):
        assert rows[event]["pid"] == hold and rows[event]["state"] == "T" and rows[event]["start_time"] > 0
    assert rows["lost"]["hold"] == hold and rows["signal"]["signal"] == signal.SIGKILL


def test_a_hold_that_goes_on_in_time_is_left_alone(reeve):
    reeve.start("services: {web: {command: [sleep, '1000'], listen: none}}\n")
    pid = reeve.wait_state("web", "ready")["run"]["pid"]
    os.kill(kernel.parent(pid), signal.SIGSTOP)
    wait_for(lambda: "hold of web" in reasons(reeve), 5, "the monitor to show it")
    os.kill(kernel.parent(pid), signal.SIGCONT)
    wait_for(lambda: "hold of web" not in reasons(reeve), 5, "it to be well again")
    assert reeve.target("web")["run"]["pid"] == pid


def test_a_gate_that_hangs_is_shown_before_it_is_replaced(reeve):
    reeve.start("services: {}\n", workers=2)
    pid = reeve.gates()[0]
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: any(row["what"] == "gate 0" for row in reeve.status()["degraded"]), 5, "the status to show it")
    wait_for(lambda: pid not in reeve.gates() and len(reeve.gates()) == 2, 12, "it to be replaced")
    wait_for(lambda: reeve.status()["degraded"] == [], 5, "all to be well")


# --- what is somewhere else ------------------------------------------------------------------------------------

def test_an_address_that_cannot_be_reached_is_named_and_heals(reeve):
    port = free_port()
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/index.html").write_text("page")
    reeve.start(f"services: {{nas: {{address: '127.0.0.1:{port}'}}}}\n"
                "routes: [{path: /nas/*, to: nas}, {path: /*, files: files}]\n")
    name = f"service nas at 127.0.0.1:{port}"
    wait_for(lambda: "Connection refused" in reasons(reeve).get(name, ""), 5, "it to be named")
    assert reeve.get("/")[2] == b"page" and reeve.get("/nas/x")[0] in (502, 503)
    with socket.create_server(("127.0.0.1", port)) as listener:
        wait_for(lambda: name not in reasons(reeve), 4, "it to heal")
        listener.settimeout(120)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(100) == b"", "it is connected to, and nothing is sent"
    wait_for(lambda: name in reasons(reeve), 13, "it to be named again")


# --- folders that cannot be written ----------------------------------------------------------------------------

def test_an_access_log_that_cannot_be_opened(reeve):
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/index.html").write_text("page")
    reeve.start("routes: [{path: /*, files: files}]\n", log="{access: logs/access.log}")
    wait_for(lambda: "No such file" in reasons(reeve).get("access log", ""), what="it to be named")
    assert reeve.get("/")[2] == b"page"
    (reeve.folder / "logs").mkdir()
    os.chmod(reeve.folder / "logs", 0o777)
    wait_for(lambda: "access log" not in reasons(reeve), 2, "it to heal")
    wait_for(lambda: reeve.get("/after")[0] and "/after" in (reeve.folder / "logs/access.log").read_text(), 5,
             "records to be written")
    assert reeve.verb("check").returncode == 0


def test_a_log_folder_that_is_none(reeve):
    """STATE/log is a file: what would write there cannot start, says so, and starts as soon as it can."""
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/index.html").write_text("page")
    reeve.state.mkdir()
    (reeve.state / "log").write_text("in the way")
    reeve.start("services: {web: {command: [sleep, '1000'], listen: none, backoff: {initial: 300ms, max: 600ms}}}\n"
                "loops: {tick: {every: 300ms, command: ['true']}}\n"
                "routes: [{path: /*, files: files}]\n")
    assert "log/web" in reeve.wait_state("web", "backoff")["cause"]["text"]
    wait_for(lambda: "loop tick" in reasons(reeve), what="the loop to be named")
    assert details(reeve)["targets"]["not_ready"][0]["name"] == "web"
    assert reeve.get("/")[2] == b"page"
    (reeve.state / "log").unlink()
    reeve.wait_state("web", "ready")
    wait_for(lambda: reasons(reeve) == {}, 5, "all to be well")


def test_a_log_that_is_full(reeve):
    """The hold cannot write: it says so, and when it can again."""
    file = reeve.folder / "go"
    script = f"while :; do echo line; sleep 0.1; done"
    reeve.start(f"services: {{web: {{command: [sh, -c, '{script}'], listen: none}}}}\n")
    reeve.wait_state("web", "ready")
    log = reeve.state / "log/web/current.jsonl"
    wait_for(log.exists, what="the log")
    pid = reeve.target("web")["run"]["pid"]
    subprocess.run(["prlimit", "--pid", str(kernel.parent(pid)), f"--fsize={log.stat().st_size}:unlimited"], check=True)
    wait_for(lambda: "log of web" in reasons(reeve), 10, "it to be named")
    subprocess.run(["prlimit", "--pid", str(kernel.parent(pid)), "--fsize=unlimited:unlimited"], check=True)
    wait_for(lambda: "log of web" not in reasons(reeve), 10, "it to heal")
    assert file.exists() is False


# --- descriptors -----------------------------------------------------------------------------------------------

def logged(reeve):
    """What the keeper has said: it stays, while a state comes and goes."""
    return [json.loads(line) for line in whole_lines(reeve.err)]


def test_a_gate_without_descriptors_says_so(reeve):
    """Who connects then waits in silence, so the operator has to hear of it; it heals when connections end."""
    reeve.configure("services: {}\n", workers=1).spawn("prlimit", "--nofile=100:100")
    wait_for(lambda: reeve.process.poll() is not None or reeve.serving(), 20, "reeve to serve")
    assert reeve.process.poll() is None, reeve.log()
    clients = [Peer.connect(reeve.port) for _ in range(110)]
    said = lambda event: [row for row in logged(reeve) if (row["event"], row.get("what")) == (event, "new connections of gate 0")]
    wait_for(lambda: said("degraded"), what="it to be named")
    assert "Too many open files; raise the limit" in said("degraded")[0]["reason"]
    for client in clients:
        with client:
            pass
    wait_for(lambda: said("recovered"), 10, "it to heal")
    assert reeve.get("/health")[0] == 200


# --- inotify ---------------------------------------------------------------------------------------------------

def test_inotify_used_up(reeve):
    """Event files are polled then, services run, and /health says so; the limit is that of a user namespace of the
    test's own."""
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/index.html").write_text("page")
    (reeve.folder / "files/events.jsonl").write_text("")
    os.chmod(reeve.folder / "files", 0o777)
    reeve.configure("services: {web: {command: [sh, -c, 'echo hello; exec sleep 1000'], listen: none}}\n"
                    "routes: [{path: /events, events: {file: files/events.jsonl}}, {path: /*, files: files}]\n")
    reeve.spawn(PYTHON, str(PROGRAMS / "without_inotify.py"))
    wait_for(lambda: reeve.process.poll() is not None or reeve.serving(), 20, "reeve to serve")
    assert reeve.process.poll() is None, reeve.log()
    reeve.wait_state("web", "ready")
    assert reeve.get("/")[2] == b"page"
    wait_for(lambda: "hello" in reeve.out.read_text(), 5, "the log to be followed by looking")
    with Peer.connect(reeve.port) as client:
        client.send("GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
        client.read_to(b": reeve")
        wait_for(lambda: any("inotify" in reason for reason in reasons(reeve).values()), what="it to be named")
        with open(reeve.folder / "files/events.jsonl", "a") as file:
            file.write('{"n": 1}\n')
        client.read_to(b'{"n": 1}')


def test_many_logs_are_followed_with_one_instance(reeve):
    """Instances are counted per user: a reeve with many services must not take them from everybody else."""
    reeve.start("services:\n" + "".join(
        f"  s{i}: {{command: [sh, -c, 'echo hello from {i}; exec sleep 1000'], listen: none}}\n" for i in range(8)))
    wait_for(lambda: all(f"hello from {i}" in reeve.out.read_text() for i in range(8)), what="all output")
    assert list(kernel.descriptors(reeve.process.pid).values()).count("anon_inode:inotify") == 1
