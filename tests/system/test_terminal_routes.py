"""Terminal routes with a client of ttyd's protocol: what it sees, who may, what everybody else is told."""
import base64
import hashlib
import json
import os
import subprocess

import pytest

from conftest import free_port, wait_for
import kernel
from people import add_user, cookie_of, make_token
from peers import frame
from ttyd import Ttyd, get, knock

BASH = "command: [bash, --norc, -i], env: {PS1: '$ '}, terminal: {}"
SHELL = f"services: {{shell: {{{BASH}}}}}\nroutes: [{{path: /t/*, terminal: shell}}]\n"


@pytest.fixture
def client():
    """A factory of clients; all are closed at the end."""
    made = []

    def make(reeve, base="/t/", **more):
        made.append(Ttyd(more.pop("port", reeve.port), base, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def started(reeve, text=SHELL, name="shell", **head):
    reeve.start(text, **head)
    reeve.wait_state(name, "ready", timeout=20)
    return reeve


def test_ttyds_own_client(reeve, client):
    started(reeve)
    status, fields, page = reeve.get("/t/")
    assert status == 200 and fields["Content-Type"].startswith("text/html") and b"shell" in page
    assert "script-src 'self'" in fields["Content-Security-Policy"] or b"xterm.js" in page
    assert reeve.get("/t")[0] == 308 and reeve.get("/t/other")[0] == 404
    ann = client(reeve, columns=90, rows=20)
    ann.type("stty size; echo one$((1))\r").await_text("20 90").await_text("one1")
    ann.resize(70, 30).type("clear; stty size\r").await_text("30 70")
    ann.type("printf '\\033]0;a title\\007'\r").await_message(b"1", "a title")
    assert ann.messages[0] == b"1shell" and ann.messages[1][:1] == b"2" and json.loads(ann.messages[1][1:]) == {}
    assert {message[:1] for message in ann.messages} <= {b"0", b"1", b"2"}, "what ttyd's client does not know is not sent"
    ben = client(reeve, columns=70, rows=30, token=False)  # the WebSocket at the base itself
    ben.await_text("30 70")
    ben.type("echo two$((2))\r")
    for each in ann, ben:
        each.await_text("two2")
    ann.send("2").await_heard()  # the two may be at different gates
    ben.type("echo three$((3))\r").await_text("three3")
    assert not ann.saw("three3")
    ann.send("3").await_text("three3")
    for each in (b"0", b"1", b"9"):
        ann.send(each[:1] + b"\xff\xfe" if each == b"0" else each if each == b"9" else b"1{\"columns\": 71, \"rows\": 30}")
    ann.type(b"\x15echo four$((4))\r").await_text("four4")
    assert reeve.target("shell")["terminal"]["viewers"] == 2


def test_the_end_of_the_program(reeve, client):
    """Told in words and with a code that is not 1000; who comes back is told when, and is let in when it runs again."""
    started(reeve)
    ann, ours = client(reeve), client(reeve, ours=True)
    ann.type("exit 3\r")
    assert [each.await_close() for each in (ann, ours)] == [4503, 4503]
    assert "exited with 3" in ann.reason
    for each in ann, ours:
        assert each.saw("exited with 3]\r\n")
    ours.await_message(b"6", "exited with 3")
    reeve.wait_state("shell", "failed")
    answer, _ = knock(reeve.port, "/t/ws")
    assert answer.status == 503 and int(answer.fields["Retry-After"]) >= 1 and b"exited with 3" in answer.body
    assert reeve.get("/t/ws")[0] == 503
    reeve.verb("restart", "shell")
    client(reeve).type("echo again$((1))\r").await_text("again1")


def test_what_cannot_be_opened(reeve):
    reeve.start("""
services:
  failing: {command: [/bin/false], terminal: {}, restart: always, backoff: {initial: 20s}}
templates: {plain: {command: [sleep, '1000'], listen: none}}
routes:
  - {path: /failing/*, terminal: failing}
  - {path: /away/*, terminal: failing, allow: [anyone]}
""")
    reeve.wait_state("failing", "backoff", timeout=20)
    answer, _ = knock(reeve.port, "/failing/ws")
    problem = json.loads(answer.body)
    assert answer.status == 503 and 1 <= int(answer.fields["Retry-After"]) <= 30
    assert problem["target"] == "failing" and problem["cause"]["kind"] == "exit", problem
    for path, headers, status in (("/failing/ws", {"Origin": "http://evil.example"}, 403), ("/failing/ws", {"Host": "evil.example"}, 421),
                                  ("/nothing/ws", {}, 404), ("/failing/other", {}, 404)):
        assert knock(reeve.port, path, headers)[0].status == status, path
    check = reeve.folder / "wrong.yaml"
    check.write_text(f"name: {reeve.name}x\nstate: ./x\ntemplates: {{plain: {{command: [sleep, '1000'], listen: none}}}}\n"
                     "routes: [{path: '/p/{id}/*', terminal: 'plain/{id}'}]\n")
    done = subprocess.run([reeve.command()[0], "check", check], capture_output=True, text=True, timeout=60, cwd=reeve.folder)
    assert done.returncode == 2 and "has no terminal; give it terminal: {}" in done.stderr, done


def test_a_program_that_starts_on_demand(reeve, client):
    reeve.start(f"services: {{shell: {{{BASH}, start: demand}}}}\nroutes: [{{path: /t/*, terminal: shell}}]\n")
    assert reeve.target("shell")["state"] == "down"
    client(reeve).type("echo up$((1))\r").await_text("up1")


def test_a_visit_makes_an_instance(reeve, client):
    reeve.start(f"templates: {{shell: {{{BASH}, create: request, max_instances: 2}}}}\n"
                "routes: [{path: '/t/{id}/*', terminal: 'shell/{id}'}]\n")
    assert reeve.get("/t/a1/")[0] == 200
    ann = client(reeve, "/t/a1/")
    ann.type("pwd; echo made$((1))\r").await_text("made1")
    client(reeve, "/t/a1/").await_text("made1")
    client(reeve, "/t/a2/").type("echo other$((1))\r").await_text("other1")
    assert not ann.saw("other1")
    assert knock(reeve.port, "/t/a3/ws")[0].status == 429
    assert knock(reeve.port, "/t/-x/ws")[0].status == 404
    ann.type("exit 4\r")
    assert ann.await_close() == 4503
    assert knock(reeve.port, "/t/a1/ws")[0].status == 503
    assert knock(reeve.port, "/t/a1/ws?again=1")[0].status == 101
    ann = client(reeve, "/t/a1/")
    ann.type("echo reborn$((1))\r").await_text("reborn1")
    reeve.verb("rm", "shell/a1")
    assert ann.await_close() in (4503, 1011)


PEOPLE = f"""
auth: {{method: password, users: ./users}}
console: {{allow: ["user:ops"]}}
services: {{shell: {{{BASH}}}}}
routes:
  - {{path: "/t/*", terminal: shell, allow: ["user:ann"], view: ["group:mentors"]}}
"""


def test_who_may_type_and_who_may_watch(reeve, client):
    reeve.configure(PEOPLE)
    for name, *groups in (("ann",), ("eve", "mentors"), ("ben",)):
        add_user(reeve, name, *groups)
    started(reeve, None)
    cookies = {name: {"Cookie": cookie_of(reeve, name)} for name in ("ann", "eve", "ben")}
    assert knock(reeve.port, "/t/ws")[0].status == 401 and get(reeve.port, "/t/token")[0] == 401
    assert knock(reeve.port, "/t/ws", cookies["ben"])[0].status == 403 and get(reeve.port, "/t/", cookies["ben"])[0] == 403
    assert knock(reeve.port, "/t/ws", cookies["ann"] | {"Origin": "http://evil.example"})[0].status == 403
    assert b'data-may-type="true"' in get(reeve.port, "/t/", cookies["ann"])[2]
    assert b'data-may-type="false"' in get(reeve.port, "/t/", cookies["eve"])[2]
    ann, eve = client(reeve, headers=cookies["ann"], columns=66), client(reeve, headers=cookies["eve"], columns=30, rows=5)
    eve.await_message(b"2", '"disableStdin":true')
    eve.type("echo forbidden$((1))\r").resize(33, 6)
    ann.type("stty size; echo seen$((1))\r").await_text("24 66")
    eve.await_text("seen1")
    assert not ann.saw("forbidden1")
    assert get(reeve.port, "/_reeve/logout", cookies["eve"])[0] == 200
    token = make_token(reeve, "ann")
    robot = client(reeve, headers={"Authorization": f"Bearer {token}"})
    robot.type("echo token$((1))\r").await_text("token1")
    reeve.verb("token", "revoke", "ann")
    assert robot.await_close() == 4401
    reeve.verb("user", "remove", "eve")
    assert eve.await_close() == 4401
    ann.type("echo still$((1))\r").await_text("still1")


def test_goodbyes_and_what_outlives_them(reeve, client):
    """Gates and keeper that are killed, a reeve that stops: never 1000, and the same screen for whoever comes back."""
    started(reeve)
    pid = reeve.target("shell")["run"]["pid"]
    ann = client(reeve)
    ann.type("echo kept$((1))\r").await_text("kept1")
    for gate in reeve.gates():
        kernel.kill(gate)
    wait_for(lambda: ann.ended, what="the connection to break")
    wait_for(lambda: knock(reeve.port, "/t/ws")[0].status == 101, 20, "a gate")
    again = client(reeve)
    again.await_text("kept1")
    reeve.kill_keeper()
    again.type("echo orphan$((1))\r").await_text("orphan1")
    assert knock(reeve.port, "/t/ws")[0].status == 503, "nobody attaches while the keeper is away"
    reeve.start()
    assert again.await_close() == 1012
    assert reeve.wait_state("shell", "ready")["run"]["pid"] == pid
    last = client(reeve)
    last.await_text("orphan1")
    reeve.stop()
    assert last.await_close() in (1001, 4503)


def test_a_paste_of_two_megabytes(reeve, client):
    """Whole and in order, although the program takes its time."""
    started(reeve)
    ann = client(reeve, columns=200)
    data = base64.b64encode(os.urandom(1500_000))
    ann.type("stty raw -echo; echo rea''dy; sleep 0.5; "
             f"head -c {len(data)} | sha256sum; stty sane; echo pas''ted\r").await_text("ready")
    ann.type(data)
    ann.await_text(hashlib.sha256(data).hexdigest(), timeout=40).await_text("pasted")


def test_a_client_that_does_not_read(reeve, client):
    """The program goes on at its own speed; when the client reads again it sees the screen as it is."""
    started(reeve)
    ann, eve = client(reeve), client(reeve)
    ann.type("echo be''gin\r")
    for each in ann, eve:
        each.await_text("begin")
    eve.reading.clear()
    ann.type("seq 1 1000000; echo do''ne\r").await_text("done", timeout=60)
    eve.reading.set()
    eve.await_text("done", timeout=60)
    assert len(eve.output) < sum(len(f"{number}\r\n") for number in range(1, 1000001)), "not all of it was kept for her"
    eve.type("echo on$((1))\r").await_text("on1", len(eve.output) // 2)


def test_the_api(reeve, client):
    console = free_port()
    reeve.start(f"services: {{shell: {{{BASH}}}, plain: {{command: [sleep, '1000'], listen: none}}}}\n",
                console=f'{{listen: "127.0.0.1:{console}"}}')
    reeve.wait_state("shell", "ready")
    base = "/_reeve/api/v1/services"
    ann = client(reeve, f"{base}/shell/terminal", port=console, token=False)
    ann.type("echo api$((1))\r").await_text("api1")
    eve = client(reeve, f"{base}/shell/terminal?view=1", port=console, token=False)
    eve.await_text("api1").type("echo forbidden$((1))\r")
    ann.type("echo more$((1))\r").await_text("more1")
    assert not ann.saw("forbidden1")
    assert knock(console, f"{base}/plain/terminal")[0].status == 404
    assert knock(console, f"{base}/nobody/terminal")[0].status == 404
    assert get(console, f"{base}/shell/terminal")[0] == 426
    assert knock(reeve.port, f"{base}/shell/terminal")[0].status == 401, "on ordinary listeners by token only"
    token = make_token(reeve, "robot")
    robot = client(reeve, f"{base}/shell/terminal", token=False, headers={"Authorization": f"Bearer {token}"})
    robot.type("echo by-token$((1))\r").await_text("by-token1")


def test_limits(reeve, client):
    started(reeve, SHELL.replace("terminal: shell}", "terminal: shell, limits: {streams: 1}}"))
    ann = client(reeve)
    ann.type("echo in$((1))\r").await_text("in1")
    answer, _ = knock(reeve.port, "/t/ws")
    assert answer.status == 503 and answer.fields["Retry-After"]
    ann.close()
    wait_for(lambda: knock(reeve.port, "/t/ws")[0].status == 101, what="the place to be free")


def test_without_auth_for_this_machine_alone(reeve):
    with kernel.lan("192.0.2.10") as enter:
        reeve.configure(f"""
listen: [{{address: "192.0.2.10:8080"}}, {{address: "127.0.0.1:8080"}}]
services: {{shell: {{{BASH}}}}}
routes:
  - {{path: /t/*, terminal: shell}}
  - {{path: /open/*, terminal: shell, allow: [anyone]}}
""")
        warned = [line for line in reeve.verb("check").stderr.splitlines() if "warning" in line]
        assert len(warned) == 1 and "routes[0].terminal: without `auth` it is not shown on 192.0.2.10:8080" in warned[0]
        reeve.spawn(*enter)
        wait_for(reeve.serving, 20, "reeve to serve")

        def status(address, path):
            return subprocess.run([*enter, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{address}:8080{path}"],
                                  capture_output=True, text=True, timeout=60, check=True).stdout

        assert [status("192.0.2.10", path) for path in ("/t/", "/t/token", "/t/ws", "/open/")] == ["403", "403", "403", "200"]
        assert [status("127.0.0.1", path) for path in ("/t/", "/t/token", "/open/")] == ["200"] * 3
        reeve.stop()


def test_what_no_client_of_ttyd_says(reeve, client):
    started(reeve)
    for message, code in ((frame(2, b"x", masked=False), 1002), (frame(2, b"1{}"), 1002), (frame(2, b"1" + b" " * 5000), 1009)):
        each = client(reeve)
        each.peer.send(message)
        assert each.await_close() == code
