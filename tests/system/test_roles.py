"""What each role may do, has open, and leaves behind (design §1, §2, §6; contract §1 "What a child gets", §4)."""
import contextlib
import grp
import http.client
import json
import os
import pathlib
import pwd
import re
import resource
import signal
import socket
import stat
import subprocess
import threading
import urllib.parse

import kernel
import pytest
from conftest import PYTHON, descriptors, program, wait_for

ECHO = f"{{command: [{program('echo.py')}, --port, '${{PORT}}']}}"
NOBODY = pwd.getpwnam("nobody")
RUNTIME = pathlib.Path("/run/reeve")
HANDSHAKE = (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def echo(reeve, **head):
    reeve.start(f"services: {{echo: {ECHO}}}\nroutes: [{{path: /*, to: echo}}]\n", **head)
    return reeve.wait_state("echo", "ready")["run"]["pid"]


def uids(pid):
    return {int(uid) for uid in kernel.status(pid)["Uid"].split()}


def gids(pid):
    return {int(gid) for gid in kernel.status(pid)["Gid"].split()}


def groups(pid):
    return {int(gid) for gid in kernel.status(pid)["Groups"].split()}


# --- rights ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("user", ["nobody", "daemon"])
def test_gates_are_nobody(reeve, user):
    echo(reeve, workers=2, user=user)
    account = pwd.getpwnam(user)
    for pid in reeve.gates():
        assert uids(pid) == {account.pw_uid} and gids(pid) == {account.pw_gid}
        assert groups(pid) <= {account.pw_gid}
        told = kernel.status(pid)
        assert all(int(told[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), told
        assert told["NoNewPrivs"] == "1"
        known = {"LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS"}
        assert kernel.environment(pid).keys() <= known


def test_gates_have_nothing_open_of_who_started_reeve(reeve, tmp_path):
    """A descriptor that a shell or a service manager forgot to close must not reach who parses the network."""
    (tmp_path / "secret").write_text("secret")
    reeve.configure(f"services: {{echo: {ECHO}, unix: {{command: [{program('echo.py')}, --unix, '${{SOCKET}}']}}}}\n"
                    "routes: [{path: /*, to: echo}]\n", workers=2)
    with open(tmp_path / "secret", encoding="ascii") as secret:
        reeve.process = subprocess.Popen(reeve.command(), pass_fds=[secret.fileno()], stdin=subprocess.DEVNULL,
                                         stdout=reeve.out.open("ab"), stderr=reeve.err.open("ab"))
        wait_for(reeve.serving, 20, "reeve to serve")
        everybody = reeve.gates()
        for name in ("echo", "unix"):
            pid = reeve.wait_state(name, "ready")["run"]["pid"]
            everybody += [pid, kernel.parent(pid)]
        for pid in everybody:
            assert str(tmp_path / "secret") not in kernel.descriptors(pid).values()


def test_what_a_child_is_given(reeve):
    """Descriptors, signals, session, limits and environment of a kept process; reeve's own are as bad as can be."""
    reeve.configure("services:\n  plain:\n"
                    "    command: [sleep, '1000']\n    listen: tcp\n    ready: {none: true}\n"
                    "    env: {LOG: debug, MIXED: '${name} on ${PORT}'}\n    pass_env: [PASSED, 'GIT_*']\n"
                    "routes: [{path: /base/*, to: plain, strip: true}]\n")
    hostile = {"SECRET": "reeve's own", "PASSED": "on", "GIT_DIR": "x", "GIT_AUTHOR": "y", "LC_TIME": "C", "TZ": "UTC",
               "TMPDIR": "/var/tmp", "LD_LIBRARY_PATH": "/tmp", "PYTHONPATH": "/tmp", "REEVE_RUN": "forged",
               "NOTIFY_SOCKET": "/nowhere", "LISTEN_FDS": "3", "PORT": "1"}

    def spoil():
        for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGPIPE, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM})
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, 4000))

    with open("/etc/passwd", encoding="ascii") as extra:
        reeve.process = subprocess.Popen(reeve.command(), stdin=subprocess.DEVNULL, stdout=reeve.out.open("ab"),
                                         stderr=reeve.err.open("ab"), env=os.environ | hostile, preexec_fn=spoil,
                                         pass_fds=[extra.fileno()])
    wait_for(reeve.serving, 20, "reeve to serve")
    row = reeve.wait_state("plain", "ready")
    pid = row["run"]["pid"]
    assert sorted(kernel.descriptors(pid)) == [0, 1, 2]
    assert kernel.descriptors(pid)[0] == "/dev/null"
    told = kernel.status(pid)
    real_time = (1 << 31) | (1 << 32)  # signals 32 and 33 are glibc's own and cannot be reset through it
    assert int(told["SigIgn"], 16) & ~real_time == 0 and int(told["SigBlk"], 16) == 0, told
    assert kernel.session(pid) == pid
    assert "500 " in re.search(r"Max open files +(.*)", pathlib.Path(f"/proc/{pid}/limits").read_text())[1]
    port = row["address"].split(":")[1]
    (record,) = reeve.records()
    inherited = {name: value for name, value in (os.environ | hostile).items()
                 if re.fullmatch("PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|TZ|TERM|TMPDIR|PASSED|GIT_.*", name)}
    account = pwd.getpwuid(0)
    defaults = {"HOME": account.pw_dir, "USER": "root", "LOGNAME": "root", "SHELL": account.pw_shell}
    assert kernel.environment(pid) == defaults | inherited | {
        "LOG": "debug", "MIXED": f"plain on {port}", "PORT": port, "REEVE_NAME": "plain", "REEVE_RUN": record["nonce"],
        "REEVE_PREFIX": "/base"}


def test_a_service_of_another_user(reeve):
    """Its hold, its process, its log and its folder are that user's; the gates reach it."""
    account = pwd.getpwnam("daemon")
    reeve.start("services:\n"
                f"  tcp: {{command: [{program('echo.py')}, --port, '${{PORT}}'], user: daemon, directory: /}}\n"
                f"  unix: {{command: [{program('echo.py')}, --unix, '${{SOCKET}}'], user: daemon, directory: /}}\n"
                "routes: [{path: /tcp/*, to: tcp}, {path: /unix/*, to: unix}]\n", user="nobody")
    for name in ("tcp", "unix"):
        pid = reeve.wait_state(name, "ready")["run"]["pid"]
        hold = kernel.parent(pid)
        for process in (pid, hold):
            assert uids(process) == {account.pw_uid} and gids(process) == {account.pw_gid}
            assert groups(process) <= set(os.getgrouplist("daemon", account.pw_gid))
            assert int(kernel.status(process)["CapEff"], 16) == 0
        environment = kernel.environment(pid)
        assert (environment["HOME"], environment["USER"]) == (account.pw_dir, "daemon")
        status, _, body = reeve.get(f"/{name}/")
        assert status == 200 and json.loads(body)["pid"] == pid
        wait_for(lambda: any("GET" in line["text"] for line in reeve.lines(name)), what="its log")
        assert (reeve.state / "log" / name / "current.jsonl").stat().st_uid == account.pw_uid
    reeve.verb("restart", "unix")
    assert reeve.get("/unix/")[0] == 200
    assert stat.S_IMODE((reeve.state / "reeve.db").stat().st_mode) & 0o077 == 0
    as_daemon = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "cat"]
    for name in ("reeve.db", "gates.json", "lock", *(path.relative_to(reeve.state)
                                                     for path in (reeve.state / "run").glob("*.json"))):
        assert subprocess.run([*as_daemon, reeve.state / name], capture_output=True).returncode != 0, name


@pytest.mark.parametrize("service_user", ["", ", user: daemon, directory: /"], ids=["own", "daemon"])
def test_unix_sockets_are_reached_by_gates_alone(reeve, service_user):
    """The gates' user cannot walk to the socket: it is reached through a descriptor that the keeper passed."""
    reeve.start(f"services: {{echo: {{command: [{program('echo.py')}, --unix, '${{SOCKET}}']{service_user}}}}}\n"
                "routes: [{path: /*, to: echo}]\n", user="nobody", workers=2)
    row = reeve.wait_state("echo", "ready")
    path = row["address"].removeprefix("unix:")
    for _ in range(20):
        assert reeve.get()[0] == 200
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect('{path}')"
    assert subprocess.run([PYTHON, "-c", connect], capture_output=True).returncode == 0
    for user in ("nobody", "www-data"):
        refused = subprocess.run([PYTHON, "-c", connect], user=user, group=grp.getgrgid(
            pwd.getpwnam(user).pw_gid).gr_name, extra_groups=[], capture_output=True, text=True)
        assert refused.returncode == 1 and "PermissionError" in refused.stderr, refused.stderr
    pid = row["run"]["pid"]
    kernel.kill(pid)
    wait_for(lambda: (now := reeve.target("echo"))["ready"] and now["run"]["pid"] != pid, what="it to be back")
    assert reeve.get()[0] == 200
    reeve.verb("stop", "echo")
    assert not os.path.exists(os.path.dirname(path)), "the folder goes with the run"


def test_directories_and_the_control_socket(reeve):
    echo(reeve)
    runtime, sockets = RUNTIME / reeve.name, RUNTIME / f"{reeve.name}:run"
    modes = {runtime: 0o700, sockets: 0o711, reeve.state: 0o711, reeve.state / "run": 0o711, reeve.state / "log": 0o711,
             reeve.state / "log/echo": 0o2750 if os.geteuid() == 0 else 0o750}  # gates read it by its group
    for path, mode in modes.items():
        about = path.lstat()
        assert stat.S_ISDIR(about.st_mode) and stat.S_IMODE(about.st_mode) == mode and about.st_uid == 0, path
    asked = subprocess.run([*reeve.command()[:1], "-c", reeve.file, "status"], user="nobody", group="nogroup",
                           extra_groups=[], capture_output=True, text=True, cwd="/")
    assert asked.returncode != 0 and "echo" not in asked.stdout
    reeve.stop()
    assert not runtime.exists() and not sockets.exists()


def test_a_runtime_directory_of_somebody_else_is_refused(reeve):
    reeve.configure("routes: []\n")
    runtime = RUNTIME / reeve.name
    runtime.mkdir(parents=True)
    os.chown(runtime, NOBODY.pw_uid, NOBODY.pw_gid)
    try:
        reeve.spawn()
        assert reeve.process.wait(120) == 1 and "belongs to uid 65534" in reeve.log()
    finally:
        runtime.rmdir()


# --- the network -----------------------------------------------------------------------------------------------

@contextlib.contextmanager
def idle_clients(reeve, count):
    """Connections that have each had one answer and stay open."""
    clients = []
    try:
        for _ in range(count):
            clients.append(http.client.HTTPConnection("127.0.0.1", reeve.port, timeout=120))
            clients[-1].request("GET", "/")
            assert clients[-1].getresponse().read()
        yield clients
    finally:
        for client in clients:
            client.close()


def test_two_gates_share_the_load(reeve):
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/index.html").write_text("page")
    reeve.start("routes: [{path: /*, files: files}]\n", workers=2)
    with idle_clients(reeve, 200) as clients:
        gates = reeve.status()["gates"]
        assert sum(gate["open"] for gate in gates) == 200
        assert max(gate["open"] for gate in gates) <= 100 + 4 + 100 / 8 + 4, gates
        for client in clients:
            client.request("GET", "/")
            assert client.getresponse().read() == b"page"
    wait_for(lambda: sum(gate["open"] for gate in reeve.status()["gates"]) == 0, what="the gates to see them go")


def test_the_keeper_touches_no_network(reeve):
    """Not even while it finds out whether services are ready: it has listening sockets and nothing else of TCP."""
    reeve.configure(f"services:\n  echo: {ECHO}\n"
                    f"  probed: {{command: [{program('echo.py')}, --port, '${{PORT}}'], ready: {{http: /health}}}}\n"
                    "routes: [{path: /*, to: echo}]\n", workers=2)
    trace = reeve.folder / "trace"
    reeve.spawn("strace", "-e", "trace=connect,accept,accept4,sendto,recvfrom", "-o", str(trace), "-D",
                ASAN_OPTIONS="detect_leaks=0")  # LeakSanitizer does not work under strace
    wait_for(reeve.serving, 20, "reeve to serve")
    reeve.wait_state("probed", "ready"), reeve.wait_state("echo", "ready")
    keeper = reeve.status()["keeper"]["pid"]
    with idle_clients(reeve, 50):
        inodes = kernel.socket_inodes(keeper)
        own = [row for row in kernel.tcp_sockets() if row.inode in inodes]
        console = urllib.parse.urlsplit(reeve.status()["keeper"]["console"]).port
        assert {row.state for row in own} == {kernel.LISTEN}
        assert {row.local[1] for row in own} == {reeve.port, console}
        reeve.verb("restart", "echo", "probed")
        assert reeve.get()[0] == 200
    reeve.stop()
    calls = [line for line in trace.read_text().splitlines() if "sa_family=AF_INET" in line]
    assert calls == []


# --- descriptors and memory ------------------------------------------------------------------------------------

def websocket(reeve):
    with socket.create_connection(("127.0.0.1", reeve.port), timeout=120) as connection:
        connection.sendall(HANDSHAKE)
        assert connection.recv(1000).startswith(b"HTTP/1.1 101")
        connection.sendall(b"x" * 1000)
        assert connection.recv(1000)


def leaver(reeve):
    """Sends half of a request and goes."""
    with socket.create_connection(("127.0.0.1", reeve.port), timeout=120) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nhalf")


def roles(reeve):
    """Name of each process of reeve -> its pid."""
    told = reeve.status()
    found = {"keeper": told["keeper"]["pid"]} | {f"gate {gate['slot']}": gate["pid"] for gate in told["gates"]}
    for row in told["targets"]:
        found[f"hold of {row['name']}"] = kernel.parent(row["run"]["pid"])
    return found


def open_now(reeve):
    """How many descriptors each role has open."""
    return {name: descriptors(pid) for name, pid in roles(reeve).items()}


def open_after_a_restart(reeve):
    """The same after a restart, which empties the pools of connections; asked until it stays the same, since the old
    hold's end, for one, is still being read."""
    reeve.verb("restart", "counted", "echo")
    counts = [open_now(reeve)]
    def settled():
        counts.append(open_now(reeve))
        return len(counts) > 5 and len({tuple(each.items()) for each in counts[-5:]}) == 1
    wait_for(settled, what="the number of descriptors to settle")
    return counts[-1]


def test_descriptors_are_what_they_were(reeve):
    record = reeve.folder / "record"
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/page.txt").write_text("page")
    reeve.start(f"services:\n  echo: {ECHO}\n"
                f"  counted: {{command: [{program('counted.py')}, --port, '${{PORT}}', --record, '{record}'],"
                " backoff: {initial: 10ms}}\n"
                "routes: [{path: /echo/*, to: echo}, {path: /files/*, files: files, strip: true}, {path: /*, to: counted}]\n",
                workers=2)
    reeve.wait_state("counted", "ready"), reeve.wait_state("echo", "ready")
    assert reeve.get("/files/page.txt")[0] == 200
    websocket(reeve)
    wait_for(lambda: reeve.lines("counted") and reeve.lines("echo"), what="their logs to be there")
    before = open_after_a_restart(reeve)

    def busy():
        for _ in range(20):
            assert reeve.get("/echo/bytes/100000")[0] == 200
            assert reeve.get("/files/page.txt")[0] == 200
            assert reeve.get("/files/missing")[0] == 404
            websocket(reeve)
            leaver(reeve)

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(10):
        reeve.status()
        reeve.verb("start", "nosuch", check=False)
    for _ in range(3):
        pid = reeve.wait_state("counted", "ready")["run"]["pid"]
        kernel.kill(pid)
        wait_for(lambda: (row := reeve.target("counted"))["ready"] and row["run"]["pid"] != pid, what="it to be back")
    wait_for(lambda: sum(gate["open"] for gate in reeve.status()["gates"]) == 0, what="all clients to be gone")
    open_after_a_restart(reeve)
    wait_for(lambda: all(count <= before[name] for name, count in open_now(reeve).items()), what=f"no more than {before}")


def test_private_memory_of_a_hold(reeve, capsys):
    """Printed, for the closing note: one runs per kept process (a budget of `make bench`, without sanitizers)."""
    reeve.start("services: {quiet: {command: [sleep, '1000'], listen: none}}\n")
    pid = reeve.wait_state("quiet", "ready")["run"]["pid"]
    dirty = kernel.private_dirty_kib(kernel.parent(pid))
    assert dirty > 0
    with capsys.disabled():
        print(f"\nprivate dirty memory of a hold: {dirty} KiB")


# --- journal and secrets ---------------------------------------------------------------------------------------

EVIDENCE = {  # what each event must be able to prove
    "start": {"pid", "nonce", "config"}, "serving": set(), "stop": {"now"}, "end": {"exit_code"},
    "signal-received": {"signal", "from_pid", "from_uid"}, "gate-start": {"pid", "start_time", "slot"},
    "gate-exit": {"pid", "start_time", "slot", "after_ms"}, "phase": {"phase", "budget_ms"},
}
TARGET_EVIDENCE = {
    "spawn": {"generation", "nonce", "address"}, "started": {"generation", "pid", "start_time", "hold"},
    "ready": {"generation"}, "stop": {"generation", "pid", "start_time", "signal", "grace_ms"},
    "exit": {"generation", "pid", "cause", "text", "after_ms", "leftovers", "remaining"},
    "signal": {"generation", "pid", "start_time", "signal", "found_by", "command"},
    "lost": {"generation", "pid", "hold", "text"}, "backoff": {"generation"},
    "stop-asked": {"state"}, "start-asked": {"state"}, "restart-asked": {"state"},
}


def test_every_signal_is_in_the_journal(reeve):
    """strace counts what the keeper sends; the journal has a row for each, with its reason and evidence."""
    grandchild = reeve.folder / "grandchild"
    reeve.start(f"services:\n  echo: {ECHO}\n"
                f"  family: {{command: [{program('family.py')}, '{grandchild}'], listen: none, stop: {{grace: 500ms}}}}\n"
                "routes: [{path: /*, to: echo}]\n", workers=2)
    pid = reeve.wait_state("echo", "ready")["run"]["pid"]
    keeper = reeve.process.pid
    wait_for(grandchild.exists, what="the grandchild")
    trace = reeve.folder / "trace"
    strace = subprocess.Popen(["strace", "-p", str(keeper), "-o", trace,
                               "-e", "trace=kill,tkill,tgkill,pidfd_send_signal"], stderr=subprocess.PIPE, text=True)
    try:
        assert "attached" in strace.stderr.readline()
        reeve.verb("restart", "echo")
        reeve.verb("stop", "echo")
        reeve.verb("start", "echo")
        kernel.kill(reeve.gates()[0])
        left = int(grandchild.read_text())
        family = reeve.target("family")["run"]["pid"]
        kernel.kill(kernel.parent(family))
        wait_for(lambda: (row := reeve.target("family"))["ready"] and row["run"]["pid"] != family, what="it to be back")
    finally:
        strace.send_signal(signal.SIGINT)  # detaches: LeakSanitizer does not work under strace
        strace.communicate()
    reeve.stop()
    rows = reeve.journal()
    for target, event, evidence in rows:
        wanted = (TARGET_EVIDENCE if target else EVIDENCE).get(event, set())  # a busy machine adds some of its own
        assert wanted <= evidence.keys() and None not in evidence.values(), (target, event, evidence)
    sent = [line for line in trace.read_text().splitlines() if re.search(r"\(\d+, SIG[A-Z].*= 0$", line)]
    noted = [evidence for _, event, evidence in rows if event in ("signal", "gate-killed")]
    assert len(sent) == len(noted), (sent, noted)
    assert left in [evidence["pid"] for evidence in noted], "what has escaped the hold is killed by the keeper"
    stops = [evidence for _, event, evidence in rows if event == "stop" and "grace_ms" in evidence]
    assert pid in [row["pid"] for row in stops] and all(row["signal"] == signal.SIGTERM for row in stops)
    assert [event for target, event, _ in rows if target == "echo"].count("spawn") == 3
    received = [evidence for _, event, evidence in rows if event == "signal-received"]
    assert [(row["signal"], row["from_pid"]) for row in received] == [(signal.SIGTERM, os.getpid())]


def test_secrets_are_told_to_the_program_alone(reeve, monkeypatch):
    secret = "k0rrekt-pferd-batterie"
    (reeve.folder / "token").write_text(secret + "\n")
    reeve.configure("services: {plain: {command: [sleep, '1000'], listen: none, env: {TOKEN: {file: token}, "
                    "OTHER: {env: FROM_OUTSIDE}}}}\n")
    monkeypatch.setenv("FROM_OUTSIDE", f"{secret}-2")
    reeve.start()
    environment = kernel.environment(reeve.wait_state("plain", "ready")["run"]["pid"])
    assert (environment["TOKEN"], environment["OTHER"]) == (secret, f"{secret}-2")
    told = [reeve.verb(*words).stdout for words in (["config"], ["config", "--json"], ["status"], ["logs"],
                                                    ["status", "--json"], ["check", "--json"])]
    assert "TOKEN" in told[0] and not [text for text in told if secret in text]
    reeve.stop()
    files = [path for path in (*reeve.state.rglob("*"), reeve.err, reeve.out) if path.is_file()]
    assert len(files) > 4
    for path in files:
        assert secret.encode() not in path.read_bytes(), path
