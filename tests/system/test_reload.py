"""`reeve reload`: another configuration, whole or not at all, and nobody feels what did not change (design §3)."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from conftest import BIN, free_port, process_alive, program, wait_for
from people import add_user, cookie_of
from peers import ACCEPTED, Backend, Peer, frame, handshake
from test_api import console_port


def services(**commands):
    rows = ["services:"] + [f"  {name}: {{{keys}}}" for name, keys in commands.items()]
    return "\n".join(rows) + "\n"


def routes(*rows):
    return "routes:\n" + "".join(f"  - {{{row}}}\n" for row in rows)


def echo(more="", name="echo.py"):
    return f"command: [{program(name)}, --port, \"${{PORT}}\"]{more}"


def websocket(reeve, path):
    peer = Peer.connect(reeve.port)
    peer.send(handshake(path))
    assert peer.read_answer().status == 101
    return peer


def echoes(peer, text=b"hello"):
    peer.send(frame(1, text))
    return heard(peer) == (1, text, True)


def heard(peer):
    """The next frame, behind pings of those who found it silent, which are answered."""
    while (seen := peer.read_frame())[0] == 9:
        peer.send(frame(10, seen[1]))
    return seen


def changed(reeve, *words):
    return sorted(row["path"] for row in json.loads(reeve.verb("reload", "--json", *words).stdout)["changes"])


def test_nothing_changed(reeve):
    reeve.start(services(a=echo()) + routes("path: /*, to: a"))
    before = reeve.wait_state("a", "ready")["run"]["pid"]
    gates = reeve.gates()
    assert changed(reeve) == []
    assert "nothing differs" in reeve.verb("reload").stdout
    assert reeve.target("a")["run"]["pid"] == before
    assert reeve.gates() == gates


def test_services_come_change_and_go(reeve):
    reeve.start(services(a=echo(), b=echo(), c=echo()) + routes("path: /a/*, to: a", "path: /b/*, to: b", "path: /c/*, to: c"))
    before = {name: reeve.wait_state(name, "ready")["run"]["pid"] for name in "abc"}
    reeve.configure(services(a=echo(), b=echo(", env: {NEW: x}"), d=echo(", depends_on: [e]"), e=echo())
                    + routes("path: /a/*, to: a", "path: /b/*, to: b", "path: /d/*, to: d"))
    assert changed(reeve, "--dry-run") == ["routes", "services.b.env.NEW", "services.c", "services.d", "services.e"]
    assert {row["name"] for row in reeve.status()["targets"]} == set("abc")
    assert changed(reeve) == ["routes", "services.b.env.NEW", "services.c", "services.d", "services.e"]
    for name in "bde":
        reeve.wait_state(name, "ready")
    assert reeve.target("a")["run"]["pid"] == before["a"]
    assert reeve.target("b")["run"]["pid"] != before["b"]
    wait_for(lambda: {row["name"] for row in reeve.status()["targets"]} == set("abde"), 15, "c to go")
    assert not process_alive(before["c"])
    assert reeve.get("/d/x")[0] == 200
    assert reeve.get("/c/x")[0] == 404


def test_settings_without_a_restart(reeve):
    reeve.start(services(a=echo()) + routes("path: /*, to: a"))
    before = reeve.wait_state("a", "ready")["run"]
    reeve.configure(services(a=echo(", restart: never, stop: {grace: 1s}")) + routes("path: /*, to: a"), drain="{timeout: 1s}")
    assert changed(reeve) == ["drain.timeout", "services.a.restart", "services.a.stop.grace"]
    assert reeve.target("a")["run"] == before
    os.kill(before["pid"], signal.SIGKILL)  # the new policy rules
    reeve.wait_state("a", "failed")


@pytest.mark.parametrize("text, said", [
    ("services: {a: {comand: x}}\n", "reeve.yaml:4:16"),
    ("routes:\n  - {path: /*, files: ./nowhere}\n", "nowhere"),
    (services(a="address: \"127.0.0.1:9\"") + routes("path: /*, to: a"), "services.a.command"),
])
def test_nothing_of_a_wrong_one_is_taken(reeve, text, said):
    reeve.start(services(a=echo()) + routes("path: /*, to: a"))
    before = reeve.wait_state("a", "ready")["run"]
    reeve.configure(text)
    done = reeve.verb("reload", "--state", str(reeve.state), check=False)
    assert done.returncode == 2
    assert said in done.stderr
    reeve.configure(services(a=echo()) + routes("path: /*, to: a"))  # for the commands that follow
    assert reeve.target("a")["run"] == before
    assert reeve.get("/x")[0] == 200
    reeve.stop()
    assert [event for _, event, _ in reeve.journal() if event.startswith("reload")] == ["reload-refused"]


def test_one_that_starts_over_two_reloads(reeve):
    """What is waited for belongs to the configuration that rules, not to the one under which it began."""
    def text(grace):
        return services(a=echo(f", stop: {{grace: {grace}s}}"), slow="command: [sleep, 60], listen: tcp, ready: {timeout: 12s}, restart: never")
    reeve.start(services(a=echo()))
    reeve.configure(text(1))
    reeve.verb("reload")
    reeve.wait_state("slow", "starting")
    reeve.configure(text(2))
    reeve.verb("reload")
    assert reeve.target("slow")["state"] == "starting"
    assert "within 12s" in reeve.wait_state("slow", "failed")["cause"]["text"]


def test_gates_that_do_not_take_it(reeve):
    """What was started for it ends, one before the other, and then it is as if it had never been."""
    reeve.start(services(a=echo()) + routes("path: /*, to: a"), workers=1)
    before, gate = reeve.wait_state("a", "ready")["run"], reeve.gates()[0]
    too_many = ", ".join(f'{{address: "127.0.0.1:{port}"}}' for port in [reeve.port] + [free_port() for _ in range(16)])
    reeve.configure(f"listen: [{too_many}]\n" + services(
        a=echo(), b="command: [sh, -c, \"trap '' TERM; exec sleep 60\"], depends_on: [c], listen: none, stop: {grace: 2s}",
        c="command: [sleep, 60], listen: none") + routes("path: /*, to: a"), workers=1)
    os.kill(gate, signal.SIGSTOP)
    asked = subprocess.Popen([BIN, "-c", str(reeve.file), "reload"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=reeve.folder)
    try:
        wait_for(lambda: [row["state"] for row in reeve.status()["targets"] if row["name"] == "b"] == ["ready"], 8, "b to run")
    finally:
        os.kill(gate, signal.SIGCONT)
    said = asked.communicate(timeout=120)[1]
    assert asked.returncode == 2 and "more than 16 listeners" in said
    wait_for(lambda: {row["name"] for row in reeve.status()["targets"]} == {"a"}, 15, "b and c to go")
    assert reeve.target("a")["run"] == before
    assert reeve.get("/x")[0] == 200


def test_the_end_comes_before_it(reeve):
    """Nothing is taken, and no loop begun, once reeve is stopping."""
    reeve.start(services(a=echo()) + "loops: {tick: {every: 1h, command: [sleep, 3600], timeout: 2h}}\n", workers=1)
    gate = reeve.gates()[0]
    reeve.wait_state("a", "ready")
    reeve.configure(services(a=echo(), b="command: [sleep, 60], listen: none") + "loops: {tick: {every: 2h, command: [sleep, 3600], timeout: 2h}}\n", workers=1)
    os.kill(gate, signal.SIGSTOP)
    reeve.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "b" in {row["name"] for row in reeve.status()["targets"]}, 8, "b to be tried")
    reeve.process.send_signal(signal.SIGTERM)
    wait_for(lambda: reeve.status()["keeper"]["phase"] == "stopping", 5, "the stop")
    os.kill(gate, signal.SIGCONT)
    assert reeve.process.wait(120) == 0
    assert [event for _, event, _ in reeve.journal() if event.startswith("reload")] == ["reload-refused"]


def test_what_only_a_start_takes(reeve):
    reeve.start(services(a=echo()))
    reeve.configure(services(a=echo()), workers=1)
    done = reeve.verb("reload", check=False)
    assert done.returncode == 2 and "workers" in done.stderr and "reeve down" in done.stderr


def test_a_hangup_reloads(reeve):
    reeve.start(services(a=echo()))
    reeve.configure(services(a=echo(), b=echo()))
    reeve.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "b" in {row["name"] for row in reeve.status()["targets"]}, 10, "b to be there")
    reeve.wait_state("b", "ready")


def test_streams_of_what_stays_stay(reeve):
    both = routes("path: /a/*, to: a, strip: true", "path: /b/*, to: b, strip: true", "path: /c/*, to: b, strip: true")
    reeve.start(services(a=echo("", "ws_echo.py"), b=echo("", "ws_echo.py")) + both)
    reeve.wait_state("a", "ready"), reeve.wait_state("b", "ready")
    stays, goes, moves = websocket(reeve, "/a/echo"), websocket(reeve, "/c/echo"), websocket(reeve, "/b/echo")
    assert echoes(stays) and echoes(goes) and echoes(moves)
    reeve.configure("# a line more\n" + services(a=echo("", "ws_echo.py"), b=echo("", "ws_echo.py"))
                    + routes("path: /b/*, to: b, strip: true, timeout: {connect: 4s}", "path: /a/*, to: a, strip: true"))
    assert changed(reeve) == ["routes"]
    for peer in (goes, moves):
        assert heard(peer) == (8, (1012).to_bytes(2, "big"), True)
    assert echoes(stays)
    with websocket(reeve, "/b/echo") as again:
        assert echoes(again)


def test_a_hundred_reloads_are_not_felt(reeve):
    """1,000 requests and one WebSocket meanwhile: none refused, none closed; memory does not grow."""
    def text(i):
        return services(a=echo("", "ws_echo.py"), b=echo(f", stop: {{grace: {i + 1}s}}")) + routes(
            "path: /a/*, to: a, strip: true", f"path: /b{i % 2}/*, to: b", "path: /c/*, to: b")
    reeve.start(text(0))
    reeve.wait_state("a", "ready"), reeve.wait_state("b", "ready")
    stays, failed, stop = websocket(reeve, "/a/echo"), [], threading.Event()

    def ask():
        while not stop.is_set():
            status = reeve.get("/c/x")[0]
            if status != 200:
                failed.append(status)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    for i in range(1, 101):
        reeve.configure(text(i))
        reeve.verb("reload")
        assert echoes(stays)
    stop.set()
    asking.join()
    assert not failed
    assert echoes(stays)


def test_listeners_come_and_go(reeve):
    first, second = free_port(), free_port()
    text = services(a=echo()) + routes("path: /*, to: a")

    def listen(*ports):
        return "listen: [" + ", ".join(f'{{address: "127.0.0.1:{port}"}}' for port in ports) + "]\n"

    reeve.port = first
    reeve.start(listen(first) + text)
    reeve.wait_state("a", "ready")
    kept = Peer.connect(first)
    kept.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert kept.read_answer().status == 200
    reeve.configure(listen(first, second) + text)
    assert changed(reeve) == ["listen"]
    with Peer.connect(second) as peer:
        peer.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert peer.read_answer().status == 200
    kept.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")  # its listener stays, and so does it
    assert kept.read_answer().status == 200
    reeve.configure(listen(second, first) + text)
    reeve.verb("reload")
    assert kept.read_to_end() == b""  # it must not pass for one of the listener that has its place now
    with Peer.connect(first) as peer:
        peer.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert peer.read_answer().status == 200
    reeve.configure(listen(second) + text)
    reeve.verb("reload")
    wait_for(lambda: refused(first), 5, "the first port to be given back")


def refused(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_changes_nothing(reeve):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        reeve.start(services(a=echo()) + routes("path: /*, to: a"))
        before = reeve.wait_state("a", "ready")["run"]
        reeve.configure(f'listen: [{{address: "127.0.0.1:{reeve.port}"}}, {{address: "127.0.0.1:{taken.getsockname()[1]}"}}]\n'
                        + services(b=echo()))
        done = reeve.verb("reload", check=False)
        assert done.returncode == 2 and str(os.getpid()) in done.stderr
        assert reeve.target("a")["run"] == before


def test_over_the_api(reeve):
    reeve.start(services(a=echo()))
    console = reeve.status()["keeper"]["console"]

    def post():
        request = urllib.request.Request(f"{console}api/v1/reload", b"{}", {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    reeve.configure(services(a=echo(), b=echo()))
    status, body = post()
    assert status == 200 and [row["path"] for row in body["changes"]] == ["services.b"]
    reeve.configure("services: {a: {comand: x}}\n")
    status, body = post()
    assert status == 422 and "reeve.yaml:4:16" in body["detail"]
    reeve.configure(services(a=echo()))  # for the commands that follow


def test_templates(reeve):
    """Instances run on, restart with their template, and stay on disk when it goes."""
    def text(env, *more):
        return ("templates:\n  job: {command: [sleep, '1000'], env: {E: %s}}\n" % env +
                "\n".join(f"  {name}: {{command: [sleep, '1000']}}" for name in more) + "\n")

    reeve.start(text("x", "other"))
    reeve.verb("create", "job", "one"), reeve.verb("create", "other", "two")
    before = {name: reeve.wait_state(name, "ready")["run"] for name in ("job/one", "other/two")}
    reeve.configure(text("y", "other"))
    assert changed(reeve) == ["templates.job.env.E"]
    wait_for(lambda: (reeve.target("job/one")["run"] or {}).get("generation") == 2, 10, "the restart")
    assert reeve.target("other/two")["run"] == before["other/two"]
    reeve.configure(text("y"))
    assert changed(reeve) == ["templates.other"]
    wait_for(lambda: {row["name"] for row in reeve.status()["targets"]} == {"job/one"}, 15, "other/two to go")
    assert not process_alive(before["other/two"]["pid"])
    reeve.configure(text("y", "other"))
    reeve.verb("reload")
    reeve.wait_state("other/two", "ready")  # its folder and its wish were kept


def test_a_secret_that_is_another_one(reeve):
    """It is shown alike before and after, and the run that has the old one is restarted; of a template too."""
    secret = reeve.folder / "secret"
    secret.write_text("one")
    text = ("services: {a: {command: [sleep, '1000'], listen: none, env: {KEY: {file: secret}}}}\n"
            "templates: {job: {command: [sleep, '1000'], env: {KEY: {file: secret}}}}\n")
    reeve.start(text)
    reeve.verb("create", "job", "j")
    before = {name: reeve.wait_state(name, "ready")["run"]["generation"] for name in ("a", "job/j")}
    secret.write_text("hush-two")
    said = reeve.verb("reload").stdout
    assert said == "services.a.env.KEY: another secret\ntemplates.job.env.KEY: another secret\n"
    for name, generation in before.items():
        wait_for(lambda: (now := reeve.target(name))["ready"] and now["run"]["generation"] > generation, what=f"{name} anew")
        pid = reeve.target(name)["run"]["pid"]
        assert b"KEY=hush-two" in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert reeve.verb("reload").stdout == "nothing differs from what is running\n"
    reeve.stop()
    assert "hush-two" not in reeve.log() + "".join(str(row) for row in reeve.journal())


def test_loops(reeve):
    def text(word, every="200ms"):
        return f"loops:\n  tick: {{every: {every}, command: [sh, -c, 'echo {word} >> ticks']}}\n"

    def ticks():
        path = reeve.folder / "ticks"
        return set(path.read_text().split()) if path.exists() else set()

    reeve.start(text("one") + services(a=echo()))
    wait_for(lambda: "one" in ticks(), 10, "the loop to run")
    for word in ("two", "three", "four"):  # old configurations are freed meanwhile
        reeve.configure(text(word) + services(a=echo()))
        assert changed(reeve) == ["loops.tick.command"]
        wait_for(lambda: word in ticks(), 10, f"the loop to say {word}")
    reeve.configure(services(a=echo()))
    assert changed(reeve) == ["loops.tick"]
    assert reeve.status()["loops"] == []


def test_event_streams(reeve):
    folder = reeve.folder / "data"
    folder.mkdir(mode=0o755)
    (folder / "a.jsonl").write_text('{"n":1}\n')
    stays, goes = "path: /stays, events: {file: ./data/a.jsonl}", "path: /goes, events: {file: ./data/a.jsonl}"
    reeve.start(routes(stays, goes))
    peers = {}
    for path in ("/stays", "/goes"):
        peers[path] = Peer.connect(reeve.port).send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        peers[path].read_to(b'data: {"n":1}\n')
    reeve.configure(routes("path: /goes, events: {file: ./data/a.jsonl, heartbeat: 1s}", stays))
    assert changed(reeve) == ["routes"]
    peers["/goes"].read_to(b"event: bye")
    with open(folder / "a.jsonl", "a") as file:
        file.write('{"n":2}\n')
    peers["/stays"].read_to(b'data: {"n":2}\n')


def test_sign_in_comes_and_goes(reeve):
    text = services(a=echo()) + routes("path: /*, to: a")
    reeve.start(text)
    reeve.wait_state("a", "ready")
    assert reeve.get("/x")[0] == 200
    reeve.configure("auth: password\n" + text)
    done = reeve.verb("reload", check=False)
    assert done.returncode == 2 and "reeve user add" in done.stderr  # nobody could sign in
    assert reeve.get("/x")[0] == 200
    subprocess.run([*reeve.command()[:1], "-c", str(reeve.file), "user", "add", "ann"], input="correct horse battery\n",
                   text=True, check=True, capture_output=True)
    reeve.verb("reload")
    assert reeve.get("/x")[0] == 401
    token = reeve.verb("token", "create", "ci").stdout.splitlines()[-1]
    bearer = {"Authorization": f"Bearer {token}"}
    wait_for(lambda: reeve.get("/x", bearer)[0] == 200, 2, "the token to be known")
    reeve.configure(text)
    reeve.verb("reload")
    assert reeve.get("/x")[0] == 200


def test_who_may_not_be_there_any_more(reeve):
    """A WebSocket, a terminal, an event stream of a service and one of the API end as when the credential had; those of
    people whom the new rules let in hear that the route has changed, or nothing."""
    def configure(who):
        reeve.configure(f"""
auth: {{method: password, users: ./users}}
console: {{allow: [{who}]}}
services:
  app: {{address: "http://127.0.0.1:{backend.port}"}}
  shell: {{command: [cat], terminal: {{}}}}
routes:
  - {{path: /app/*, to: app, allow: [{who}]}}
  - {{path: /t/*, terminal: shell, allow: [{who}]}}
""", drain="{timeout: 10s}")

    def ask(request, port=reeve.port):
        return stack.enter_context(Peer.connect(port)).send(request)

    def opened(name):
        cookie = cookie_of(reeve, name)
        socket = ask(handshake("/app/ws", Cookie=cookie))
        stack.enter_context(backend.accept_request()[0]).send(ACCEPTED)
        assert socket.read_answer().status == 101
        events = ask(f"GET /app/events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n")
        program = stack.enter_context(backend.accept_request()[0])
        program.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        events.read_to(b"data: 1\n\n")
        terminal = ask(handshake("/t/ws", Sec_WebSocket_Protocol="tty", Cookie=cookie))
        assert terminal.read_answer().status == 101
        port = console_port(reeve)
        api = ask(f"GET /_reeve/api/v1/stream?topics=targets HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n",
                  port)
        api.read_to(b"event: targets\n")
        return socket, terminal, events, api

    def code(client):
        while (heard := client.read_frame())[0] != 8:
            pass
        return int.from_bytes(heard[1][:2], "big")

    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Backend())
        configure("signed-in")
        add_user(reeve, "ann", "ops")
        add_user(reeve, "bob")
        reeve.start()
        reeve.wait_state("shell", "ready")
        wait_for(lambda: reeve.get("/ready")[0] == 200, 20, "reeve to be ready")
        (socket, terminal, events, api), hers = opened("bob"), opened("ann")
        configure("'group:ops'")
        reeve.verb("reload")
        assert (code(socket), code(terminal)) == (4403, 4403)
        for stream in (events, api):
            stream.read_to(b'event: auth\ndata: {"reason":"forbidden"}\n')
        assert (code(hers[0]), code(hers[1])) == (1012, 1012)
        hers[2].read_to(b"event: bye\n")
        assert b"event: auth" not in hers[2].buffer and b"event: auth" not in hers[3].buffer
        reeve.verb("restart", "shell")
        hers[3].read_to(b"event: targets\n")  # it goes on
