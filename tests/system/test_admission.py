"""Who may pass (contract, "Statuses"): every kind of credential at every kind of door. What is refused touches nothing,
and no secret goes further than it must."""
import contextlib
import itertools
import json
import re
import socket
import time

import pytest

from conftest import SLACK, free_port, program, wait_for, whole_lines
from eventstreams import Stream
from peers import Peer, frame, handshake, read_fields
from people import PASSWORD, add_user, cookie_of, make_token, sign_in

RULES = {"anyone": "anyone", "known": "signed-in", "ann": "user:ann", "ops": "group:ops"}
FOREIGN = "http://evil.example"
PROMISED = 1.0  # seconds from the end of a credential to the end of its streams


def configuration(reeve, lifetime):
    routes = "".join(f"""
  - {{path: /file/{name}/*, files: files, allow: ["{rule}"]}}
  - {{path: /api/{name}/*, to: witness, allow: ["{rule}"]}}
  - {{path: /events/{name}, events: {{file: "{reeve.folder}/events.jsonl"}}, allow: ["{rule}"]}}"""
                     for name, rule in RULES.items())
    return f"""
auth: {{method: password, session: {{lifetime: {lifetime}, idle_timeout: 1h}}}}
console: {{listen: "127.0.0.1:{reeve.console}", allow: ["group:ops", "user:robot"]}}
services:
  witness: {{command: [{program("witness.py")}, --port, "${{PORT}}", --record, {reeve.record}], start: demand}}
routes:{routes}
"""


class Who:
    """Somebody with a credential: what it sends, and who it is if the credential counts."""

    def __init__(self, label, fields=None, user=None, groups=(), token=False):
        self.label, self.fields, self.user, self.groups, self.token = label, fields or {}, user, groups, token

    def passes(self, rule):
        kind, _, name = rule.partition(":")
        return (rule == "anyone" or self.user is not None and
                (rule == "signed-in" or kind == "user" and name == self.user or kind == "group" and name in self.groups))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A reeve, and everybody who may come: with a credential that counts, with one that does not, with none."""
    from conftest import reeves
    with reeves(tmp_path_factory) as make:
        other, reeve = make(), make()
        for each in (other, reeve):
            (each.folder / "files").mkdir()
            (each.folder / "files/x.txt").write_text("a file")
            (each.folder / "events.jsonl").write_text('{"n":1}\n')
            each.console, each.record = free_port(), each.folder / "witnessed"
        other.configure(configuration(other, "1h"))
        reeve.configure(configuration(reeve, "2s"), workers=2)
        for each in (other, reeve):
            add_user(each, "ann", "ops")
            add_user(each, "bob")
        other.start()
        theirs = cookie_of(other, "ann")
        other.stop()
        reeve.start()  # its sessions end soon
        late = cookie_of(reeve, "ann")
        brief = make_token(reeve, "robot", "--expires", "1s")
        made = time.monotonic()
        reeve.stop()
        assert reeve.verb("token", "revoke", "robot", check=False).returncode in (0, 6)  # 6: it has expired and is gone
        reeve.configure(configuration(reeve, "1h"), workers=2).start()
        wait_for(lambda: time.monotonic() > made + 2.5, what="the first credentials to expire")
        reeve.people, reeve.secrets = everybody(reeve, theirs, late, brief)
        yield reeve


def everybody(reeve, theirs, late, brief):
    name = f"reeve-{reeve.name}"
    ann, bob, gone = cookie_of(reeve, "ann"), cookie_of(reeve, "bob"), cookie_of(reeve, "ann")
    lost = make_token(reeve, "lost")
    robot, maid = make_token(reeve, "robot"), make_token(reeve, "maid")
    reeve.verb("token", "revoke", "lost")
    status, fields, _ = reeve.get("/_reeve/logout", method="POST", headers={"Cookie": gone})
    assert status == 303 and f"{name}=; Path=/; Max-Age=0" in fields["Set-Cookie"]
    value = ann.partition("=")[2]
    forged = value[:-1] + ("A" if value[-1] != "A" else "B")

    def bearer(token):
        return {"Authorization": f"Bearer {token}"}

    people = [
        Who("nobody"),
        Who("expired session", {"Cookie": late}),
        Who("expired token", bearer(brief)),
        Who("forged session", {"Cookie": f"{name}={forged}"}),
        Who("wrong token", bearer("reeve_" + "x" * 43)),
        Who("revoked session", {"Cookie": gone}),
        Who("revoked token", bearer(lost)),
        Who("cookie of another reeve", {"Cookie": theirs}),
        Who("another reeve's session under our name", {"Cookie": f"{name}={theirs.partition('=')[2]}"}),
        Who("session under the name for TLS", {"Cookie": f"__Host-{name}={value}"}),
        Who("token as a cookie", {"Cookie": f"{name}={robot}"}),
        Who("session as a token", bearer(value)),
        Who("ann", {"Cookie": f"a=1; {ann}; b=2"}, "ann", ("ops",)),
        Who("bob", {"Cookie": bob}, "bob"),
        Who("robot", bearer(robot), "robot", (), True),
        Who("maid", bearer(maid), "maid", (), True),
    ]
    values = [cookie.partition("=")[2] for cookie in (theirs, late, ann, bob, gone)]
    return people, [*values, brief, lost, robot, maid, PASSWORD]


class Cell:
    """One request and what must become of it."""

    def __init__(self, reeve, who, door, origin, host):
        self.who, self.origin, self.host = who, origin, host
        self.door, _, self.rule = door.partition(" ")
        self.port = reeve.console if self.door.startswith("console") else reeve.port
        self.method = "POST" if self.door in ("post", "admin post", "console-post", "admin-post") else "GET"
        self.path = {"file": f"/file/{self.rule}/x.txt", "get": f"/api/{self.rule}/x", "post": f"/api/{self.rule}/x",
                     "ws": f"/api/{self.rule}/ws", "events": f"/events/{self.rule}"}.get(self.door)
        if not self.path:
            self.path = f"/_reeve/api/v1/{'services/witness/signal' if self.method == 'POST' else 'targets'}"

    def __str__(self):
        return f"{self.who.label} at {self.method} {self.path} (port {self.port}, Origin {self.origin}, Host {self.host})"

    def request(self):
        fields = dict(self.who.fields)
        if self.origin:
            fields["Origin"] = self.origin
        host = self.host or f"127.0.0.1:{self.port}"
        if self.door == "ws":
            return handshake(self.path, host, **{name.replace("-", "_"): value for name, value in fields.items()})
        if self.method == "POST":
            fields |= {"Content-Length": "2", "Content-Type": "application/json"}
        return (f"{self.method} {self.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n" +
                "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n" +
                ("{}" if self.method == "POST" else "")).encode()

    def wanted(self):
        """The status that the contract's table has for it; 0: it passes."""
        if self.host:
            return 421
        steers = self.method == "POST" or self.door == "ws"
        if self.path.startswith("/_reeve/"):
            return self.wanted_of_the_api(steers)
        allowed = self.who.passes(RULES[self.rule])
        if not allowed and not self.who.user:
            return 401
        if steers and self.origin:
            return 403
        return 0 if allowed else 403

    def wanted_of_the_api(self, steers):
        console = self.door.startswith("console")
        counts = self.who.user is not None and (console or self.who.token)
        if not counts:
            return 401
        if self.origin and (steers or not self.who.token):
            return 403
        return 0 if self.who.passes("group:ops") or self.who.passes("user:robot") else 403

    def send(self):
        """Status and fields of the answer."""
        with Peer.connect(self.port) as peer:
            peer.send(self.request())
            first, fields = read_fields(peer.read_to(b"\r\n\r\n"))
            return int(first.split()[1]), fields


def cells(reeve):
    doors = [f"{door} {rule}" for door in ("file", "get", "post", "ws", "events") for rule in RULES]
    doors += ["admin", "admin-post", "console", "console-post"]
    origins = [None, FOREIGN]
    hosts = [None, "evil.example"]
    return [Cell(reeve, *each) for each in itertools.product(reeve.people, doors, origins, hosts)]


def witnessed(reeve):
    return [json.loads(line) for line in whole_lines(reeve.record)]


def wrong(cell, status, fields):
    if status != cell.wanted():
        return f"{cell}: {status} instead of {cell.wanted()}"
    if status == 401 and fields.get("www-authenticate") != "Bearer":
        return f"{cell}: 401 without WWW-Authenticate"
    return None


def test_every_refusal_is_as_the_table_says_and_touches_nothing(world):
    refused = [cell for cell in cells(world) if cell.wanted()]
    assert len(refused) > 900
    found = [text for cell in refused if (text := wrong(cell, *cell.send()))]
    assert not found, "\n".join(found[:20] + [f"{len(found)} in all"])
    assert witnessed(world) == []  # never started, so never connected to
    assert world.target("witness")["state"] == "down" and world.target("witness")["restarts"] == 0


def test_what_is_allowed_passes_without_its_secret(world):
    allowed = [cell for cell in cells(world) if not cell.wanted()]
    assert len(allowed) > 90
    for cell in allowed:
        before = len(witnessed(world))
        status, _ = cell.send()
        if cell.path.endswith("/signal"):
            assert status in (400, 409, 422), f"{cell}: {status}"  # it says no signal
            continue
        assert status == (101 if cell.door == "ws" else 200), f"{cell}: {status}"
        if cell.door not in ("get", "post", "ws"):
            continue
        heads = wait_for(lambda: [event["head"] for event in witnessed(world)[before:] if "head" in event],
                         what="the program to see it")
        assert len(heads) == 1
        _, fields = read_fields(heads[0].encode() + b"\r\n\r\n")
        assert fields.get("remote-user") == cell.who.user, cell
        assert fields.get("remote-groups") == (",".join(cell.who.groups) or None), cell
        assert not [secret for secret in world.secrets if secret in heads[0] and secret in ours(cell, world)], cell
        if cell.who.label == "ann":
            assert fields["cookie"] == "a=1; b=2"
        if cell.who.label == "cookie of another reeve":
            assert fields["cookie"] == cell.who.fields["Cookie"]


def ours(cell, world):
    """What of a request's credential may not be passed on: our cookies, and a token that was accepted."""
    fields = cell.who.fields
    mine = [pair.strip().partition("=")[2] for pair in fields.get("Cookie", "").split(";")
            if pair.strip().partition("=")[0] in (f"reeve-{world.name}", f"__Host-reeve-{world.name}")]
    return mine + ([fields["Authorization"]] if cell.who.token else [])


def test_a_navigation_is_sent_to_sign_in_and_back(world):
    status, fields, _ = world.get("/file/known/x.txt?a=1&b=2", headers={"Accept": "text/html"})
    assert status == 303 and fields["Location"] == "/_reeve/login?next=%2Ffile%2Fknown%2Fx.txt%3Fa%3D1%26b%3D2"
    status, fields, page = world.get(fields["Location"])
    assert status == 200 and b'name="next" value="/file/known/x.txt?a=1&amp;b=2"' in page
    assert b"<script" not in page and b"http://" not in page and b"https://" not in page
    status, fields = sign_in(world, "bob", next_path="/file/known/x.txt?a=1&b=2")
    assert status == 303 and fields["Location"] == "/file/known/x.txt?a=1&b=2"
    assert re.fullmatch(rf"reeve-{world.name}=[\w.-]+; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
                        fields["Set-Cookie"])
    cookie = fields["Set-Cookie"].split(";")[0]
    assert world.get("/file/known/x.txt", headers={"Cookie": cookie})[0] == 200
    for evil in ("//evil.example", "https://evil.example/", "/\\evil.example", "/%09/evil.example", "/x\n"):
        assert sign_in(world, "bob", next_path=evil)[1]["Location"] == "/", evil
    for name, password in (("bob", "wrong"), ("nobody", "wrong"), ("bob", PASSWORD + " ")):
        status, fields = sign_in(world, name, password)
        assert status == 401 and "Set-Cookie" not in fields


def test_another_page_signs_nobody_in(world):
    status, _, _ = world.get("/_reeve/login", method="POST", body=f"user=bob&password={PASSWORD}", headers={
        "Content-Type": "application/x-www-form-urlencoded", "Origin": FOREIGN})
    assert status == 403


def read_until(stream, pattern, timeout):
    """Reads on until the pattern is there; seconds that it took."""
    started, data = time.monotonic(), b""
    while pattern not in data:
        left = started + timeout - time.monotonic()
        assert left > 0, f"no {pattern!r} within {timeout} s, only {data[-200:]!r}"
        stream.settimeout(left)
        with contextlib.suppress(TimeoutError):
            more = stream.recv(65536)
            assert more, f"ended without {pattern!r}: {data[-200:]!r}"
            data += more
    return time.monotonic() - started


def open_streams(world, fields, count=6):
    """WebSockets and event streams, over both gates as they come."""
    sockets, streams = [], []
    for _ in range(count):
        socket_peer = Peer.connect(world.port)
        socket_peer.send(handshake("/api/known/ws", "127.0.0.1", **fields))
        assert b" 101 " in socket_peer.read_to(b"\r\n\r\n")
        sockets.append(socket_peer.socket)
        stream = socket.create_connection(("127.0.0.1", world.port), timeout=120)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        stream.sendall(f"GET /events/known HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())
        read_until(stream, b'{"n":1}', 120)
        streams.append(stream)
    return sockets, streams


def check_told(sockets, streams, since):
    for each in sockets:
        read_until(each, b"\x88\x02\x11\x31", PROMISED * SLACK)  # 4401
    for each in streams:
        read_until(each, b"event: auth", PROMISED * SLACK)
    took = time.monotonic() - since
    assert took < PROMISED * SLACK, took
    for each in sockets + streams:
        each.close()


def test_logout_ends_what_the_session_has_open(world):
    cookie, kept = cookie_of(world, "ann"), cookie_of(world, "ann")
    others = open_streams(world, {"Cookie": kept}, 1)
    opened = open_streams(world, {"Cookie": cookie})
    started = time.monotonic()
    assert world.get("/_reeve/logout", method="POST", headers={"Cookie": cookie})[0] == 303
    check_told(*opened, started)
    assert world.get("/file/known/x.txt", headers={"Cookie": cookie})[0] == 401
    assert world.get("/file/known/x.txt", headers={"Cookie": kept})[0] == 200
    others[0][0].sendall(frame(1, b"still here"))
    wait_for(lambda: any("said" in event for event in witnessed(world)), what="the other session's frame")
    for each in (*others[0], *others[1]):
        each.close()


def test_a_revoked_token_ends_what_it_has_open(world):
    token = make_token(world, "guest")
    opened = open_streams(world, {"Authorization": f"Bearer {token}"}, 3)
    started = time.monotonic()
    world.verb("token", "revoke", "guest")
    check_told(*opened, started)
    assert world.get("/file/known/x.txt", headers={"Authorization": f"Bearer {token}"})[0] == 401


def test_a_token_in_a_url_is_no_credential_and_is_not_written_down(world):
    token = make_token(world, "careless")
    world.secrets.append(token)
    status, _, _ = world.get(f"/file/known/x.txt?access_token={token}")
    assert status == 401
    wait_for(lambda: "access_token=reeve_***" in world.out.read_text(), what="the access record")


def test_a_terminator_in_front_makes_it_secure(make_reeve):
    reeve = make_reeve()
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/x.txt").write_text("a file")
    reeve.configure("auth: password\ntrusted_proxies: [127.0.0.1]\nhosts: [app.example]\n"
                    "routes: [{path: /*, files: files}]\n")
    add_user(reeve, "ann")
    reeve.start()
    form = {"Content-Type": "application/x-www-form-urlencoded", "Host": "app.example", "Origin": "https://app.example"}
    body = f"user=ann&password={PASSWORD.replace(' ', '+')}&next=/x.txt"
    assert reeve.get("/_reeve/login", form, "POST", body)[0] == 403  # plain HTTP: that Origin is another one
    status, fields, _ = reeve.get("/_reeve/login", form | {"X-Forwarded-Proto": "https"}, "POST", body)
    assert status == 303
    assert fields["Set-Cookie"].startswith(f"__Host-reeve-{reeve.name}=") and fields["Set-Cookie"].endswith("; Secure")
    cookie = fields["Set-Cookie"].split(";")[0]
    assert reeve.get("/x.txt", {"Cookie": cookie, "X-Forwarded-Proto": "https"})[0] == 200
    assert reeve.get("/x.txt", {"Cookie": cookie, "Forwarded": "for=192.0.2.1;proto=https"})[0] == 200
    assert reeve.get("/x.txt", {"Cookie": cookie})[0] == 401


def test_a_session_that_is_over_ends_its_streams(make_reeve):
    reeve = make_reeve()
    (reeve.folder / "events.jsonl").write_text('{"n":1}\n')
    reeve.configure(f"""
auth: {{method: password, session: {{lifetime: 3s}}}}
routes: [{{path: /events, events: {{file: "{reeve.folder}/events.jsonl"}}}}]
""")
    add_user(reeve, "ann")
    reeve.start()
    status = 401
    while status == 401:  # again, when the machine stood still for the whole of a session
        started = time.monotonic()
        cookie = cookie_of(reeve, "ann")
        stream = Stream(reeve, cookie=cookie)
        status = stream.status
        assert status == 200 or time.monotonic() - started > 2.5
    assert stream.lines(1) == [b'{"n":1}']
    stream.named("auth")
    assert 2.5 < time.monotonic() - started < (3 + PROMISED) * SLACK
    stream.close()
    assert reeve.get("/events", {"Cookie": cookie})[0] == 401


def test_no_secret_is_written_down_anywhere(world):
    """Last of this world: it is stopped here."""
    out = world.out.read_text()
    assert '"user":"ann"' in out and '"user":"robot"' in out
    world.stop()
    files = [path for path in world.folder.rglob("*") if path.is_file() and path not in (world.file, world.record)]
    assert len(files) > 5
    found = [(secret[:12], path.name) for path in files for secret in world.secrets
             if secret.encode() in path.read_bytes()]
    assert not found
