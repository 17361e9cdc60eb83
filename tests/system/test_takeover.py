"""Who holds our port, and what becomes of them (design §3 "Start"; contract §3 exit codes 3 and 4)."""
import contextlib
import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import tempfile
import time

import pytest

import kernel
from conftest import PROGRAMS, PYTHON, SLACK, program, wait_for

NOBODY = pwd.getpwnam("nobody")
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    connection.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    print("served", flush=True)
    connection.recv(100000)
    sys.stdin.read()
"""


@contextlib.contextmanager
def foreign_server(port, address="127.0.0.1"):
    """A server that is not ours."""
    server = subprocess.Popen([PYTHON, PROGRAMS / "echo.py", "--address", address, "--port", str(port)],
                              stdout=subprocess.PIPE, text=True)
    try:
        assert "listens" in server.stdout.readline()
        yield server
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@contextlib.contextmanager
def foreign_client(port, address="127.0.0.1"):
    """Somebody's connection to that server."""
    client = subprocess.Popen([PYTHON, "-c", CLIENT, address, str(port)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        assert client.stdout.readline() == "served\n"
        yield client
    finally:
        client.stdin.close()
        client.stdout.close()
        client.wait()


def page(reeve, text="ours"):
    (reeve.folder / "files").mkdir(exist_ok=True)
    (reeve.folder / "files/index.html").write_text(text)
    return "routes: [{path: /*, files: files}]\n"


def ended(reeve, timeout=20):
    return reeve.process.wait(timeout * SLACK)


def answered(address, port):
    with socket.create_connection((address, port), timeout=120) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("takeover, least", [
    ("{holder: own, timeout: 1s}", 0.9), ("{holder: never, timeout: 1h}", 0), ("never", 0),
], ids=["own", "never", "short form"])
def test_a_foreign_server_is_named_and_left_alone(reeve, takeover, least):
    reeve.configure(page(reeve), takeover=takeover)
    with foreign_server(reeve.port) as server, foreign_client(reeve.port) as client:
        begun = time.monotonic()
        reeve.spawn()
        assert ended(reeve) == 4
        assert time.monotonic() - begun >= least
        assert f"pid {server.pid} of uid 0: " in reeve.log() and "echo.py" in reeve.log()
        assert f"127.0.0.1:{reeve.port}" in reeve.log() and "reeve.yaml:3:" in reeve.log()
        assert server.poll() is None and client.poll() is None and answered("127.0.0.1", reeve.port)
    (evidence,) = [evidence for _, event, evidence in reeve.journal() if event == "port-refused"]
    assert evidence["pid"] == server.pid
    assert not [event for _, event, _ in reeve.journal() if event == "port-takeover"]


def test_a_foreign_server_that_leaves_in_time_is_waited_for(reeve):
    """Boot races: whoever held the port for a moment."""
    reeve.configure(page(reeve), takeover="{holder: own, timeout: 20s}")
    with foreign_server(reeve.port) as server:
        reeve.spawn()
        wait_for((reeve.state / "reeve.db").exists, what="reeve to get as far as the port")
        server.terminate()
        wait_for(reeve.serving, 20, "reeve to serve")
    assert reeve.get()[2] == b"ours"


def test_any_evicts_the_listener_and_nobody_else(reeve):
    reeve.configure(page(reeve), takeover="any")
    with foreign_server(reeve.port) as server, foreign_client(reeve.port) as client, \
            foreign_server(reeve.port, "127.0.0.2") as neighbour, foreign_client(reeve.port, "127.0.0.2") as other:
        reeve.spawn()
        wait_for(reeve.serving, 20, "reeve to serve")
        assert server.wait(60) is not None
        assert reeve.get()[2] == b"ours"
        assert client.poll() is None, "the server's client was signalled"
        assert neighbour.poll() is None and other.poll() is None, "another address of the same port is none of ours"
        assert answered("127.0.0.2", reeve.port)
    reeve.stop()
    rows = [evidence for _, event, evidence in reeve.journal() if event == "port-takeover"]
    assert {row["pid"] for row in rows} == {server.pid} and rows[0]["signal"] == signal.SIGTERM
    assert rows[0]["start_time"] and "echo.py" in rows[0]["command"]


def test_any_evicts_a_server_that_is_deaf_to_sigterm(reeve):
    reeve.configure(page(reeve), takeover="{holder: any, timeout: 1s}")
    with foreign_server(reeve.port) as server:
        kernel.kill(server.pid, signal.SIGSTOP)
        reeve.spawn()
        wait_for(reeve.serving, 20, "reeve to serve")
        assert server.wait(60) == -signal.SIGKILL
    reeve.stop()
    signals = [evidence["signal"] for _, event, evidence in reeve.journal() if event == "port-takeover"]
    assert signals == [signal.SIGTERM, signal.SIGKILL]


def test_a_second_reeve_is_told_about_the_first(make_reeve):
    first = make_reeve()
    first.start(page(first))
    second = make_reeve(first.name)
    second.state, second.port = first.state, first.port
    second.configure(page(second, "second")).spawn()
    assert ended(second) == 3
    assert f"already running as pid {first.process.pid}" in second.log() and "status" in second.log()
    assert first.get()[2] == b"ours"
    detached = second.verb("run", "-d", check=False)
    assert detached.returncode == 3 and f"pid {first.process.pid}" in detached.stderr


def test_a_stopped_predecessor_is_replaced(reeve):
    """SIGSTOPped: it neither answers nor ends by itself. What it kept is adopted."""
    reeve.start(f"services: {{echo: {{command: [{program('echo.py')}, --port, '${{PORT}}']}}}}\n"
                "routes: [{path: /*, to: echo}]\n", takeover="{holder: own, timeout: 500ms}", drain="{timeout: 2s}")
    pid = reeve.wait_state("echo", "ready")["run"]["pid"]
    old = reeve.process
    old.send_signal(signal.SIGSTOP)
    reeve.spawn()
    assert old.wait(20 * SLACK) == -signal.SIGKILL
    wait_for(reeve.serving, 20, "the successor to serve")
    row = reeve.wait_state("echo", "ready")
    assert row["run"]["pid"] == pid and row["restarts"] == 0
    assert reeve.get()[0] == 200
    reeve.stop()
    rows = [evidence for _, event, evidence in reeve.journal() if event == "predecessor-evicted"]
    assert [(row["pid"], row["signal"]) for row in rows] == [(old.pid, signal.SIGKILL)]
    assert rows[0]["start_time"] and rows[0]["reason"]


# --- where the one before us is --------------------------------------------------------------------------------

@pytest.mark.parametrize("takeover", ["never", "own"])
def test_one_that_began_under_another_name_is_found(reeve, takeover):
    """Its sockets are where its old name put them; the lock of the state directory tells where."""
    reeve.start(page(reeve), takeover=takeover)
    first, name = reeve.process, reeve.name
    reeve.name += "-new"
    reeve.configure(page(reeve), takeover=takeover)
    assert reeve.status()["keeper"]["pid"] == first.pid
    refused = reeve.verb("reload", check=False)
    assert refused.returncode == 2 and "only taken at a start: name" in refused.stderr, refused
    reeve.spawn()
    assert ended(reeve) == 3
    assert f"already running as pid {first.pid}" in reeve.log() and f'as "{name}" with its sockets in ' in reeve.log()
    assert first.poll() is None and reeve.get()[2] == b"ours"
    reeve.verb("down")
    assert first.wait(10 * SLACK) == 0
    assert not [event for _, event, _ in reeve.journal() if event == "predecessor-evicted"]


@pytest.fixture
def home():
    """A folder of nobody's, which that one can reach."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        os.chown(place, NOBODY.pw_uid, NOBODY.pw_gid)
        yield pathlib.Path(place)


def test_one_of_another_session_is_found(home, reeve):
    """XDG_RUNTIME_DIR is not the same over ssh, from cron, under sudo."""
    reeve.folder, reeve.file, reeve.state = home, home / "reeve.yaml", home / "state"
    reeve.configure(page(reeve), takeover="never")
    words = ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups"]
    sessions = [home / "one", home / "two"]
    for session in sessions:
        session.mkdir(mode=0o700)
        os.chown(session, NOBODY.pw_uid, NOBODY.pw_gid)
    reeve.spawn(*words, XDG_RUNTIME_DIR=str(sessions[0]))
    wait_for(reeve.serving, 20, "reeve to serve")
    first = reeve.process
    for session in sessions:
        done = subprocess.run([*words, *reeve.command()[:1], "-c", reeve.file, "status"], capture_output=True, text=True,
                              cwd="/", env=os.environ | {"XDG_RUNTIME_DIR": str(session)})
        assert done.returncode == 0 and f"pid {first.pid}" in done.stdout, done
    reeve.spawn(*words, XDG_RUNTIME_DIR=str(sessions[1]))
    assert ended(reeve) == 3 and f"already running as pid {first.pid}" in reeve.log()
    assert first.poll() is None and reeve.get()[2] == b"ours"
    reeve.process = first


def test_ls_lists_what_another_session_of_the_user_runs(home, reeve):
    """Begun without XDG_RUNTIME_DIR (cron), asked for with one (a login); both at once are listed once."""
    reeve.folder, reeve.file, reeve.state = home, home / "reeve.yaml", home / "state"
    reeve.configure(page(reeve))
    words = ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups"]
    session = home / "session"
    session.mkdir(mode=0o700)
    os.chown(session, NOBODY.pw_uid, NOBODY.pw_gid)
    reeve.spawn(*words, XDG_RUNTIME_DIR="")
    wait_for(reeve.serving, 20, "reeve to serve")
    for runtime in (str(session), ""):
        done = subprocess.run([*words, *reeve.command()[:1], "ls", "--json"], capture_output=True, text=True,
                              cwd="/", env=os.environ | {"XDG_RUNTIME_DIR": runtime}, check=True)
        assert [each["pid"] for each in json.loads(done.stdout) if each["name"] == reeve.name] == [reeve.process.pid]


def test_one_that_others_keep_busy_is_not_ended(reeve):
    """As many ask it as it admits: it hangs up on us, and lives."""
    reeve.start(page(reeve), takeover="{holder: own, timeout: 5s}")
    first = reeve.process
    with contextlib.ExitStack() as clients:
        for _ in range(64):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            clients.enter_context(client).connect(f"/run/reeve/{reeve.name}/control.sock")
        reeve.spawn()
        assert ended(reeve) == 3 and f"already running as pid {first.pid}" in reeve.log()
    assert first.poll() is None and reeve.get()[2] == b"ours"
    reeve.process = first


def test_never_spares_one_that_does_not_answer(reeve):
    reeve.start(page(reeve), takeover="{holder: never, timeout: 500ms}")
    first = reeve.process
    first.send_signal(signal.SIGSTOP)
    reeve.spawn()
    assert ended(reeve) == 3
    assert f"pid {first.pid}" in reeve.log() and "does not answer; `takeover: never`" in reeve.log()
    assert first.poll() is None
    first.send_signal(signal.SIGCONT)
    reeve.process = first


# --- the same name twice ---------------------------------------------------------------------------------------

def test_two_state_directories_do_not_share_a_name(make_reeve):
    """Its sockets are the first one's: the second starts nothing, and ends nothing."""
    first = make_reeve()
    first.start(page(first))
    gates = first.gates()
    second = make_reeve(first.name)
    second.configure(page(second, "second")).spawn()
    assert ended(second) == 3
    for text in (f'another reeve runs as "{first.name}": pid {first.process.pid}', str(first.state), str(first.file),
                 str(second.file), f"name: {first.name}-2"):
        assert text in second.log(), second.log()
    assert first.gates() == gates and first.get()[2] == b"ours"
    for verb in ("status", "down", "reload"):
        done = second.verb(verb, check=False)
        assert done.returncode == 5 and f"reeve --state {first.state} status" in done.stderr, done
        assert f"pid {first.process.pid}" in done.stderr and str(first.file) in done.stderr
    second.verb("token", "create", "ci")  # opens the second one's own database
    assert first.status()["keeper"]["pid"] == first.process.pid and first.gates() == gates
    (evidence,) = [evidence for _, event, evidence in second.journal() if event == "name-refused"]
    assert str(first.state) in evidence["error"]
    first.stop()
    second.start()
    assert second.get()[2] == b"second"


def test_what_a_dead_reeve_left_behind_keeps_its_name(make_reeve):
    """Its gates and holds have their sockets there; they are for the one of its own state directory."""
    first = make_reeve()
    first.start(f"services: {{echo: {{command: [{program('echo.py')}, --port, '${{PORT}}']}}}}\n"
                "routes: [{path: /*, to: echo}]\n")
    pid = first.wait_state("echo", "ready")["run"]["pid"]
    first.kill_keeper()
    second = make_reeve(first.name)
    second.configure(page(second)).spawn()
    assert ended(second) == 3
    assert "what it kept goes on" in second.log() and f"reeve -c {first.file} run" in second.log()
    first.start()
    assert first.wait_state("echo", "ready")["run"]["pid"] == pid, "it is taken up again"
    first.stop()
    second.start()
    assert second.get()[2] == b"ours"


def test_a_dead_reeve_that_left_nothing_leaves_its_name(make_reeve):
    first = make_reeve()
    first.start(page(first), drain="{timeout: 500ms}")
    gates = first.gates()
    first.kill_keeper()
    for pid in gates:
        kernel.kill(pid)
    wait_for(lambda: not first.left(), what="its gates to end")
    second = make_reeve(first.name)
    second.start(page(second, "second"))
    assert second.get()[2] == b"second"


# --- our own programs and sockets ------------------------------------------------------------------------------

@pytest.mark.parametrize("command", ["[{}]", "[sh, -c, '{}; exit']"], ids=["itself", "its child"])
def test_a_program_of_ours_on_the_port_is_evicted(reeve, command):
    """A kept process that has taken reeve's own port is ours by its run's record: `own` is enough to evict it."""
    words = f"{program('echo.py')}, --port, '{reeve.port}'"
    command = command.format(words if "sh" not in command else words.replace(",", "").replace("'", ""))
    reeve.start(f"services: {{thief: {{command: {command}, listen: none}}}}\n"
                f"listen: [{{address: 'unix:{reeve.folder}/door'}}]\n")
    reeve.wait_state("thief", "ready")
    thief = wait_for(lambda: holder_of_port(reeve), what="the program to listen")
    reeve.kill_keeper()
    reeve.start(page(reeve), takeover="{holder: own, timeout: 20s}")
    assert reeve.get()[2] == b"ours"
    assert not kernel.alive(thief)
    reeve.stop()
    (evidence,) = [evidence for _, event, evidence in reeve.journal() if event == "port-takeover"]
    assert evidence["pid"] == thief and evidence["signal"] == signal.SIGTERM


def holder_of_port(reeve):
    """Which of its processes listens on the port that is to be its own."""
    inodes = {row.inode for row in kernel.tcp_sockets(kernel.LISTEN) if row.local[1] == reeve.port}
    return next((pid for pid in reeve.left() if inodes & kernel.socket_inodes(pid)), None)


def test_time_wait_does_not_delay_a_restart(reeve):
    """The server's side closes first, so a thousand TIME_WAIT connections stay on the listening port."""
    reeve.start(page(reeve))
    for _ in range(1000):
        reeve.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    reeve.stop()
    waiting = [row for row in kernel.tcp_sockets(kernel.TIME_WAIT) if row.local[1] == reeve.port]
    assert waiting  # the first may be over: they last a minute
    reeve.configure(page(reeve), takeover="never")  # not a single retry
    reeve.spawn()
    wait_for(reeve.serving, 20, "reeve to serve")
    assert reeve.get()[2] == b"ours"


def test_a_passed_listener_is_used(reeve):
    """LISTEN_FDS, as systemd does it: what has queued before reeve runs is answered."""
    with socket.create_server(("127.0.0.1", reeve.port)) as listener:
        inode = int(kernel.descriptors("self")[listener.fileno()].removeprefix("socket:[").removesuffix("]"))
        early = socket.create_connection(("127.0.0.1", reeve.port), timeout=120)
        early.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        reeve.configure(page(reeve), takeover="never")
        reeve.process = subprocess.Popen(
            ["sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&0 0</dev/null', "sh", *reeve.command()],
            stdin=listener.fileno(), stdout=reeve.out.open("ab"), stderr=reeve.err.open("ab"),
            start_new_session=True)
        wait_for(reeve.serving, 20, "reeve to serve")
    with early:
        assert early.recv(1000).startswith(b"HTTP/1.1 200")
    assert inode in kernel.socket_inodes(reeve.process.pid)
    assert [row.inode for row in kernel.tcp_sockets(kernel.LISTEN) if row.local[1] == reeve.port] == [inode]
    assert reeve.get()[2] == b"ours"


def test_two_reeves_side_by_side(make_reeve):
    reeves = [make_reeve(), make_reeve()]
    for number, reeve in enumerate(reeves):
        reeve.start(f"services: {{echo: {{command: [{program('echo.py')}, --port, '${{PORT}}']}}}}\n"
                    "routes: [{path: /echo/*, to: echo}, {path: /*, files: files}]\n" if page(reeve, str(number)) else "")
    rows = [reeve.wait_state("echo", "ready") for reeve in reeves]
    assert rows[0]["address"] != rows[1]["address"]
    for number, reeve in enumerate(reeves):
        assert reeve.get()[2] == str(number).encode()
        assert json.loads(reeve.get("/echo/")[2])["pid"] == rows[number]["run"]["pid"]
    listed = json.loads(reeves[0].verb("ls", "--json").stdout)
    assert {reeve.name for reeve in reeves} <= {each["name"] for each in listed}
    reeves[0].stop()
    assert reeves[1].get("/echo/")[0] == 200
    listed = json.loads(reeves[1].verb("ls", "--json").stdout)
    assert reeves[0].name not in [each["name"] for each in listed]
