"""How services come up: order, readiness, values, and what becomes of their output (contract §1, design §4)."""
import json
import os
import time

import pytest

import kernel
from conftest import PYTHON, SLACK, free_port, program, wait_for
from peers import Peer

COUNTED = f"{program('counted.py')}, --port, '${{PORT}}', --record"


def events(file):
    return [line.split()[:2] for line in file.read_text().splitlines()] if file.exists() else []


def counted(name, file, *options, more=""):
    words = "".join(f", '{option}'" for option in options)
    return f"  {name}: {{command: [{COUNTED}, '{file}', --name, {name}{words}]{more}}}\n"


# --- start and stop --------------------------------------------------------------------------------------------

def test_listening_comes_first(reeve):
    """reeve serves what it can while its services are still starting."""
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/index.html").write_text("page")
    reeve.configure("services:\n" + counted("slow", reeve.folder / "events", "--delay", "1000") +
                    "routes: [{path: /api/*, to: slow}, {path: /*, files: files}]\n")
    begun = time.monotonic()
    reeve.spawn()
    wait_for(lambda: reeve.process.poll() is not None or answers(reeve), 20, "reeve to answer")
    assert time.monotonic() - begun < 2 * SLACK
    assert reeve.get()[2] == b"page"
    assert json.loads(reeve.get("/health")[2]) == {"status": "ok"}
    wait_for(reeve.serving, 20, "reeve to serve")
    assert reeve.target("slow")["state"] == "starting"
    assert reeve.get("/ready")[0] == 503, "something that is wanted is not ready"


def answers(reeve):
    try:
        return reeve.get("/health")[0] == 200
    except OSError:
        return False


def test_dependencies_start_before_and_stop_after(reeve):
    file = reeve.folder / "events"
    reeve.start("services:\n" + counted("web", file, more=", depends_on: [api]") +
                counted("api", file, "--delay", "0.3", more=", depends_on: [base]") +
                counted("base", file, "--delay", "0.3") +
                "routes: [{path: /*, to: web}]\n")
    reeve.wait_state("web", "ready", timeout=20)
    reeve.stop()
    up = [[name, event] for name in ("base", "api", "web") for event in ("start", "listen")]
    assert events(file) == up + [[name, "stop"] for name in ("web", "api", "base")]


def test_a_demand_service_brings_its_dependencies(reeve):
    file = reeve.folder / "events"
    reeve.start("services:\n" + counted("web", file, more=", depends_on: [base], start: demand") +
                counted("base", file, "--delay", "0.3", more=", start: demand") +
                "routes: [{path: /*, to: web}]\n")
    assert not file.exists() and reeve.target("base")["state"] == "down"
    assert reeve.get()[0] == 200
    assert events(file)[:4] == [["base", "start"], ["base", "listen"], ["web", "start"], ["web", "listen"]]


def test_what_a_failed_dependency_does(reeve):
    file = reeve.folder / "events"
    reeve.start("services:\n" + counted("web", file, more=", depends_on: [base]") +
                "  base: {command: [sh, -c, 'test -e good && exec sleep 1000; exit 4'], listen: none,"
                " backoff: {initial: 200ms, max: 300ms}}\n"
                "routes: [{path: /*, to: web}]\n")
    # `base` counts as ready once it runs, so `web` may start for a moment; then it is told why it may not.
    reeve.wait_state("base", "backoff")
    (reeve.folder / "good").write_text("")
    reeve.wait_state("base", "ready")
    reeve.wait_state("web", "ready", timeout=20)
    assert reeve.get()[0] == 200


def test_a_dependency_that_cannot_start_is_named(reeve):
    reeve.start("services:\n" + counted("web", reeve.folder / "events", more=", depends_on: [base]") +
                "  base: {command: [/does/not/exist], listen: none, backoff: {initial: 20s}}\n"
                "routes: [{path: /*, to: web}]\n")
    row = reeve.wait_state("web", "backoff")
    assert row["cause"]["kind"] == "dependency" and "base" in row["cause"]["text"]
    assert "No such file" in row["cause"]["text"] and events(reeve.folder / "events") == []
    status, fields, body = reeve.get()
    assert status == 503 and 1 <= int(fields["Retry-After"]) <= 24
    assert json.loads(body)["cause"]["kind"] == "dependency"


# --- readiness -------------------------------------------------------------------------------------------------

def answered_after(reeve, go):
    """A request that has no answer for half a second, and a good one once the file is there."""
    with Peer.connect(reeve.port) as client:
        client.send("GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n")
        waits = client.silent(0.5)
        go.touch()
        return waits and client.read_answer().status == 200


def test_ready_tcp_is_a_listening_socket_of_the_run(reeve):
    file, go = reeve.folder / "events", reeve.folder / "go"
    reeve.start("services:\n" + counted("slow", file, "--after", go) + "routes: [{path: /*, to: slow}]\n")
    row = reeve.target("slow")
    assert (row["state"], row["ready"]) == ("starting", False)
    assert answered_after(reeve, go), "the request waits until it is ready"
    row = reeve.target("slow")
    assert row["ready"] and row["run"]["ready_after_ms"] >= 500
    inodes = kernel.socket_inodes(row["run"]["pid"])
    (listener,) = [socket for socket in kernel.tcp_sockets(kernel.LISTEN) if socket.inode in inodes]
    assert row["address"] == f"127.0.0.1:{listener.local[1]}"
    assert [event for _, event in events(file)].count("request") == 1, "it saw no connection but the client's"


def test_ready_http_waits_for_a_good_answer(reeve):
    file, go = reeve.folder / "events", reeve.folder / "go"
    reeve.start("services:\n" + counted("warm", file, "--warm-until", go, more=", ready: {http: /health}") +
                "routes: [{path: /*, to: warm}]\n")
    wait_for(lambda: events(file).count(["warm", "request"]) >= 2, what="the first probes")
    assert reeve.target("warm")["state"] == "starting", "503 is not ready"
    assert answered_after(reeve, go)
    took = reeve.target("warm")["run"]["ready_after_ms"]
    probes = [line for line in file.read_text().splitlines() if "GET /health" in line]
    assert took >= 500 and 2 <= len(probes) <= 2 + took / 100


def test_ready_http_tells_what_it_got(reeve):
    reeve.start("services:\n" + counted("cold", reeve.folder / "events", "--warm", "1000",
                                         more=", ready: {http: /health, timeout: 10s}, backoff: {initial: 20s}"))
    row = reeve.wait_state("cold", "backoff")
    assert row["cause"]["kind"] == "not-ready" and "/health" in row["cause"]["text"] and "503" in row["cause"]["text"]


def test_ready_none_needs_nothing_but_exec(reeve):
    reeve.start("services: {mute: {command: [sleep, '1000'], listen: tcp, ready: {none: true}}}\n")
    assert reeve.wait_state("mute", "ready")["address"].startswith("127.0.0.1:")


def test_a_wrong_port_is_named(reeve):
    """The likeliest mistake: the program has a port of its own and was never told ours."""
    port = free_port()
    reeve.start(f"services: {{stray: {{command: [{program('echo.py')}, --port, '{port}'], listen: tcp,"
                " ready: {timeout: 10s}, backoff: {initial: 20s}}}\nroutes: [{path: /*, to: stray}]\n")
    row = reeve.wait_state("stray", "backoff")
    text = row["cause"]["text"]
    assert row["cause"]["kind"] == "not-ready" and f"it listens on 127.0.0.1:{port}" in text, text
    assert "did not listen on 127.0.0.1:2" in text
    assert text in reeve.verb("status", check=False).stdout
    assert json.loads(reeve.get()[2])["cause"]["text"] == text


# --- values ----------------------------------------------------------------------------------------------------

def test_values_reach_command_and_environment(reeve, monkeypatch):
    monkeypatch.setenv("FROM_REEVE", "outside")
    (reeve.folder / "work").mkdir()
    os.mkfifo(reeve.folder / "work/never")
    (reeve.folder / "work/.env").write_text("# a comment\nFROM_FILE=inside\nBOTH=file\nQUOTED=\"two words\"\n")
    reeve.start("services:\n"
                f"  db: {{command: [{program('echo.py')}, --port, '${{PORT}}']}}\n"
                f"  sock: {{command: [{program('echo.py')}, --unix, '${{SOCKET}}']}}\n"
                "  app:\n"
                "    command: [sh, -c, 'read x < never', '${services.db.port}', '${FROM_FILE}', '$${kept}',"
                " '${UNSET:-default}']\n"
                "    listen: tcp\n    ready: {none: true}\n    directory: work\n    env_file: .env\n"
                "    depends_on: [db, sock]\n"
                "    env:\n      DB: 'tcp://127.0.0.1:${services.db.port}/'\n      SOCK: '${services.sock.socket}'\n"
                "      BOTH: env\n      OUTER: '${FROM_REEVE}'\n      MINE: '${name} in ${config_dir} at ${prefix}'\n"
                "      OTHER: '${FROM_FILE}'\n"
                "routes: [{path: /app/*, to: app}]\n")
    pid = reeve.wait_state("app", "ready")["run"]["pid"]
    db, sock = reeve.target("db"), reeve.target("sock")
    db_port = db["address"].split(":")[1]
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as command:
        assert command.read().split("\0")[3:-1] == [db_port, "inside", "${kept}", "default"]
    assert os.readlink(f"/proc/{pid}/cwd") == str(reeve.folder / "work")
    environment = kernel.environment(pid)
    wanted = {"DB": f"tcp://127.0.0.1:{db_port}/", "SOCK": sock["address"].removeprefix("unix:"), "BOTH": "env",
              "OUTER": "outside", "FROM_FILE": "inside", "QUOTED": "two words", "OTHER": "inside",
              "MINE": f"app in {reeve.folder} at /app"}
    assert {name: environment.get(name) for name in wanted} == wanted
    assert "FROM_REEVE" not in environment


# --- output ----------------------------------------------------------------------------------------------------

def writer(reeve, code, more="", name="writer"):
    (reeve.folder / "writer.py").write_text("import os, sys, signal, time\n" + code)
    reeve.start(f"services: {{{name}: {{command: [{PYTHON}, writer.py], listen: none, restart: never{more}}}}}\n")


def said(reeve, stream, name="writer"):
    return [line for line in reeve.lines(name) if line["stream"] == stream]


def test_lines_of_both_streams(reeve):
    writer(reeve, "os.write(1, b'one\\n'); os.write(2, b'two\\n'); os.write(1, b'torn'); time.sleep(0.2)\n"
                  "os.write(1, b' together\\n\\n'); os.write(1, b'caf\\xc3\\xa9 \\xff \\x1b[1m\\0 \\t\"\\\\\\n')\n"
                  "os.write(1, b'no newline'); sys.exit(0)\n")
    reeve.wait_state("writer", "ended")
    assert [line["text"] for line in said(reeve, "stdout")] == ["one", "torn together", "", "café \ufffd \x1b[1m\0 \t\"\\",
                                                                "no newline"]
    assert [line["text"] for line in said(reeve, "stderr")] == ["two"]
    assert all(line["run"] == 1 and line["time"].endswith("Z") for line in reeve.lines("writer"))
    shown = reeve.verb("logs", "writer").stdout
    assert "\x1b" not in shown and "\0" not in shown and "café" in shown and "no newline\n" in shown


def test_a_long_line_is_split_and_nothing_of_it_lost(reeve):
    writer(reeve, "line = b''.join(b'%06d\\xe2\\x82\\xac' % i for i in range(30000)); sys.stdout.buffer.write(line + b'\\nend\\n')\n")
    reeve.wait_state("writer", "ended")
    pieces = said(reeve, "stdout")
    assert [line.get("more", False) for line in pieces] == [True] * (len(pieces) - 2) + [False, False]
    assert "".join(line["text"] for line in pieces[:-1]) == "".join(f"{i:06d}€" for i in range(30000))
    assert pieces[-1]["text"] == "end"
    assert max(len(line["text"].encode()) for line in pieces) <= 65536


def test_output_is_rotated(reeve):
    writer(reeve, "for i in range(8000): print(f'line {i:05d} ' + 'x' * 50)\n", ", output: {max: 64k, keep: 3}")
    reeve.wait_state("writer", "ended")
    files = list((reeve.state / "log/writer").iterdir())
    assert len(files) == 3 and all(file.stat().st_size <= 65536 for file in files)
    numbers = [int(line["text"].split()[1]) for line in reeve.lines("writer")]
    assert numbers == list(range(numbers[0], 8000)) and len(numbers) > 800
    shown = [int(line.split()[1]) for line in reeve.verb("logs", "writer").stdout.splitlines()]
    assert shown == numbers


def test_a_service_that_writes_much_holds_nobody_up(reeve):
    """A flood is taken as fast as the disk takes it; reeve answers meanwhile."""
    (reeve.folder / "page.txt").write_text("page")
    (reeve.folder / "writer.py").write_text("while True: print('x' * 1000)\n")
    reeve.start(f"services: {{flood: {{command: [{PYTHON}, writer.py], listen: none, output: {{max: 256k, keep: 2}}}}}}\n"
                "routes: [{path: /*, files: .}]\n")
    (reeve.folder / "state").chmod(0o711)
    wait_for(lambda: len(list((reeve.state / "log/flood").iterdir())) >= 2, what="the log to be rotated")
    begun = time.monotonic()
    for _ in range(50):
        assert reeve.get("/page.txt")[2] == b"page"
    assert time.monotonic() - begun < 5 * SLACK
    reeve.verb("stop", "flood")
    assert sum(file.stat().st_size for file in (reeve.state / "log/flood").iterdir()) <= 2 * 262144


@pytest.mark.parametrize("command, text", [
    ("[/etc/passwd]", "Permission denied"),
    ("[/does/not/exist]", "No such file or directory"),
    ("[no-such-program-anywhere]", "no-such-program-anywhere"),
    ("[./script]", "/no/such/interpreter"),
], ids=["no right", "no file", "not in PATH", "no interpreter"])
def test_exec_errors_are_causes(reeve, command, text):
    script = reeve.folder / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    reeve.start(f"services: {{broken: {{command: {command}, listen: none, restart: never}}}}\n")
    row = reeve.wait_state("broken", "failed", "backoff")
    assert row["cause"]["kind"] == "exec" and row["cause"]["code"], row["cause"]
    assert text in row["cause"]["text"] and f"{reeve.file}:4:" in row["cause"]["text"], row["cause"]
