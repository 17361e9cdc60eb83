"""Terminals by the command: attach, several viewers, what outlives what, what is written down and what is not."""
import json
import os
import re
import signal

import pytest

from attached import Attached
from conftest import wait_for
import kernel

SECRET = "p4ss-" + "wörd-🔑"
SHELL = "services: {shell: {command: [bash, --norc, -i], env: {PS1: '$ '}, terminal: {}}}\n"


@pytest.fixture
def attach(reeve):
    """A factory of attached terminals; all are closed at the end."""
    made = []

    def make(name, *options, **size):
        made.append(Attached(reeve, name, *options, **size))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_attach_type_leave_and_come_back(reeve, attach):
    reeve.start(SHELL)
    pid = reeve.wait_state("shell", "ready")["run"]["pid"]
    ann = attach("shell", columns=90, rows=20).await_shown()
    assert ann.saw("reeve: attached to shell; ctrl-\\,ctrl-\\ detaches")
    ann.type("stty size; tty; echo TERM=$TERM\r").await_text("20 90").await_text("/dev/pts/").await_text("TERM=xterm-256color")
    wait_for(lambda: reeve.target("shell")["terminal"]["viewers"] == 1, what="the viewer to be counted")
    ann.resize(70, 30)
    wait_for(lambda: reeve.target("shell")["terminal"]["columns"] == 70, what="the new size")
    ann.type("stty size\r").await_text("30 70")
    assert ann.detach() == 0
    assert ann.saw("reeve: detached from shell; it goes on")
    wait_for(lambda: reeve.target("shell")["terminal"]["viewers"] == 0, what="the viewer to leave")
    again = attach("shell", columns=70, rows=30).await_text("30 70")
    assert reeve.target("shell")["run"]["pid"] == pid
    again.type("exit 7\r")
    assert again.end() == 0
    assert again.saw("reeve: shell: the program exited with 7")
    assert reeve.wait_state("shell", "failed")["cause"]["code"] == 7  # with a terminal: no restart
    over = attach("shell")
    assert over.end() == 1 and over.saw("it is not running: failed; start it with: reeve restart shell")
    asked = reeve.verb("start", "shell", check=False)
    assert asked.returncode == 1 and "only a restart starts it again" in asked.stderr
    assert "exit 7" in reeve.verb("logs", "shell").stdout


def test_what_is_not_a_terminal_or_not_there(reeve, attach):
    reeve.start(SHELL + "templates: {t: {command: [sleep, '1000']}}\n")
    done = reeve.verb("attach", "shell", check=False)
    assert done.returncode == 2 and "attach needs a terminal" in done.stderr
    reeve.verb("create", "t", "a")
    for name, status, text in (("nobody", 6, "no such target"), ("t/a", 1, "t/a has no terminal")):
        each = attach(name)
        assert each.end() == status
        assert each.saw(text), bytes(each.seen)
    reeve.verb("stop", "shell")
    down = attach("shell")
    assert down.end() == 1 and down.saw("it is not running: down; start it with: reeve start shell")
    wrong = attach("shell", "--detach-keys", "ctrl-1")
    assert wrong.end() == 2 and wrong.saw("is no key")


def test_several_viewers(reeve, attach):
    reeve.start(SHELL)
    reeve.wait_state("shell", "ready")
    ann, eve = attach("shell").await_shown(), attach("shell", "--view", columns=40, rows=10).await_shown()
    eve.type("echo forbidden\r")
    ann.type("echo one$((1))\r").await_text("one1")
    eve.await_text("one1")
    ben = attach("shell", columns=60, rows=15).await_text("one1")
    ben.type("echo two$((2))\r")
    for each in ann, ben, eve:
        each.await_text("two2")
    wait_for(lambda: reeve.target("shell")["terminal"] == {"columns": 60, "rows": 15, "viewers": 3}, what="ben's size")
    ann.type("\x1c").type("x\x7f")  # one key of the two is the program's
    ann.type("stty size\r")
    ann.await_text("24 80")
    assert not any(each.saw("forbidden") for each in (ann, ben, eve))
    assert eve.detach() == 0 and ann.detach() == 0 and ben.detach() == 0


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_put_back_when_a_signal_ends_it(reeve, attach, signo):
    reeve.start(SHELL)
    reeve.wait_state("shell", "ready")
    ann = attach("shell").await_shown()
    ann.type("printf '\\033[?1049h\\033[?1000h'; echo x$((1))x\r").await_text("x1x")
    ann.process.send_signal(signo)
    assert ann.end() == -signo
    for mode in "\x1b[?1049l", "\x1b[?9;1000;1001;1002", "\x1b[?25h":
        assert ann.saw(mode)


def test_other_detach_keys_and_json(reeve, attach):
    reeve.start(SHELL)
    reeve.wait_state("shell", "ready")
    ann = attach("shell", "--detach-keys=ctrl-p,ctrl-q", "--json").await_shown()
    ann.type(b"\x10\x11")
    assert ann.end() == 0
    found = json.loads(bytes(ann.seen[ann.seen.rindex(b"{"):]).decode())
    assert found["target"] == "shell" and found["end"] == "detached"


def test_who_and_how_much_are_written_down_and_never_what(reeve, attach):
    reeve.start(SHELL)
    reeve.wait_state("shell", "ready")
    ann, line = attach("shell").await_shown(), "stty -echo; echo si''lent; read -r line; echo got-${#line}\r"
    ann.type(line).await_text("silent")
    ann.type(SECRET + "\r").await_text(f"got-{len(SECRET)}")
    assert ann.detach() == 0
    me = f"uid {os.geteuid()}"
    wait_for(lambda: f"{me} left its terminal" in reeve.verb("why", "shell").stdout, what="the detach")
    told = reeve.verb("why", "shell").stdout
    assert re.search(rf"shell: {me} attached to its terminal \(viewer 1\)", told), told
    typed = re.search(rf"shell: {me} typed (\d+) bytes into its terminal until (?:\d{{4}}-\d\d-\d\d )?\d\d:\d\d:\d\d \(viewer 1\)", told)
    assert typed and int(typed[1]) == len(line + "\r") + len(SECRET.encode()), told
    reeve.verb("stop", "shell")
    reeve.stop()
    rows = [evidence for target, event, evidence in reeve.journal() if event == "terminal"]
    assert [row["action"] for row in rows] == ["attach", "input", "detach"]
    for path in reeve.folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_flood_is_no_wall(reeve, attach):
    """A viewer that reads nothing, one that reads all: what the second types is heard, and the program ends."""
    reeve.start("services: {flood: {command: ['yes', 'flood flood'], terminal: {scrollback: 500}}}\n")
    reeve.wait_state("flood", "ready")
    ann = attach("flood").await_text("flood flood")
    ann.process.send_signal(signal.SIGSTOP)
    ben = attach("flood").await_text("flood flood")
    ben.type("\x03")
    assert ben.end() == 0
    assert ben.saw("reeve: flood: the program") and reeve.wait_state("flood", "failed", "ended")
    ann.process.send_signal(signal.SIGCONT)
    assert ann.end() in (0, 1)  # it was told, or found the end


def test_the_program_outlives_everybody(reeve, attach):
    """SIGKILL to keeper and gates: who is attached stays; who attaches to the next keeper sees the same screen."""
    reeve.start(SHELL)
    run = reeve.wait_state("shell", "ready")["run"]
    ann = attach("shell").await_shown()
    ann.type("echo before$((1)); cat\r").await_text("before1")
    gates = reeve.gates()
    reeve.kill_keeper()
    for pid in gates:
        kernel.kill(pid)
    ann.type("nobody keeps me\r")
    wait_for(lambda: ann.seen.count(b"nobody keeps me") >= 2, 20, "the echo and cat's answer")
    reeve.start()
    wait_for(lambda: reeve.target("shell")["state"] == "ready", what="the adoption")
    assert reeve.target("shell")["run"]["pid"] == run["pid"]
    wait_for(lambda: (reeve.target("shell")["terminal"] or {}).get("viewers") == 1, what="the viewer to be known")
    ben = attach("shell").await_text("before1").await_text("nobody keeps me")
    ben.type("both are here\r").await_text("both are here")
    ann.await_text("both are here")
    ann.process.kill()  # a viewer that dies is one that leaves
    wait_for(lambda: reeve.target("shell")["terminal"]["viewers"] == 1, what="it to be gone")
    assert ben.detach() == 0
    assert kernel.alive(run["pid"])


def test_changing_the_terminal_restarts_it(reeve):
    reeve.start(SHELL)
    before = reeve.wait_state("shell", "ready")["run"]
    assert reeve.target("shell")["terminal"] is None or reeve.target("shell")["terminal"]["columns"] == 120
    reeve.configure(SHELL.replace("terminal: {}", "terminal: {columns: 100, size: fixed}"))
    reeve.verb("reload")
    wait_for(lambda: reeve.target("shell")["run"]["generation"] > before["generation"], what="the restart")
    reeve.wait_state("shell", "ready")
    reeve.configure(SHELL.replace(", terminal: {}", ""))
    reeve.verb("reload")
    wait_for(lambda: reeve.target("shell")["run"]["generation"] > before["generation"] + 1, what="the next restart")
