"""Upstreams over TLS: one policy for requests, WebSockets and probes, and no byte of a request before it has passed."""
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time
import warnings

import pytest

from conftest import free_port, row_of, wait_for
from peers import Backend, Peer, frame, handshake
from secure import Identity, Secure

LARGE = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("certificates")
    made.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def house(folder):
    return Identity(folder, "house", authority=True)


@pytest.fixture(scope="module")
def nas(folder, house):
    """Vouched for by the house, for its address and a name."""
    return Identity(folder, "nas", issuer=house, names="IP:127.0.0.1,DNS:nas.lan")


@pytest.fixture(scope="module")
def other(folder):
    """The one that somebody in between would show."""
    return Identity(folder, "other")


@pytest.fixture(scope="module")
def secure(nas):
    with Secure(nas) as backend:
        yield backend


@pytest.fixture
def backend(secure, nas):
    secure.show(nas)
    secure.drop()
    secure.forget()
    return secure


# Every policy, and how services with it are called.
POLICIES = ("system", "pin", "ca", "none", "named", "rotating")


@pytest.fixture(scope="module")
def door(shared_reeve, secure, nas, house, other):
    tls = {"system": "", "pin": f', tls: {{pin: "{nas.pin()}"}}', "ca": f", tls: {{ca: {house.certificate}}}",
           "none": ", tls: {verify: none}", "named": f", tls: {{ca: {house.certificate}, name: nas.lan}}",
           "rotating": f', tls: {{pin: ["{other.pin()}", "{nas.pin()}"]}}'}
    services = "\n".join(f'  {name}: {{address: "https://127.0.0.1:{secure.port}"{tls[name]}}}' for name in POLICIES)
    routes = "\n".join(f"  - {{path: /{name}/*, to: {name}, strip: true}}" for name in POLICIES)
    return shared_reeve.start(f"services:\n{services}\nroutes:\n{routes}\n", workers=1)


def trouble(reeve, name):
    """What the keeper has learnt from its probes of a service; None when it is well."""
    found = [row["reason"] for row in reeve.status()["degraded"] if row["what"].startswith(f"service {name} at")]
    return found[0] if found else None


def upgrade(reeve, path):
    """A WebSocket through reeve; the status of the answer and the peer."""
    peer = Peer.connect(reeve.port)
    peer.send(handshake(path, host=f"127.0.0.1:{reeve.port}", Authorization="Bearer not-to-be-told"))
    return int(peer.read_to(b"\r\n\r\n").split()[1]), peer


SECRET = {"X-Secret": "not-to-be-told"}


@pytest.mark.parametrize("policy", [each for each in POLICIES if each != "system"])
def test_each_policy_passes_for_requests_upgrades_and_probes(door, backend, policy):
    status, _, body = door.get(f"/{policy}/hello", headers=SECRET)
    assert (status, body[:10]) == (200, b"GET /hello")
    assert backend.requests[-1].fields["X-Secret"] == "not-to-be-told"
    status, peer = upgrade(door, f"/{policy}/socket")
    with peer:
        assert status == 101
        peer.send(frame(1, b"over TLS"))
        assert peer.read_frame() == (1, b"over TLS", True)
    wait_for(lambda: trouble(door, policy) is None, 25, "the probe to pass")


def test_a_self_signed_one_is_refused_with_the_line_to_paste(door, backend, nas, other):
    backend.show(other)
    line = f'tls: {{pin: "{other.pin()}"}}'
    reason = wait_for(lambda: trouble(door, "system") if "self-signed" in (trouble(door, "system") or "") else None, 15,
                      "a probe to find out")
    assert line in reason and f"127.0.0.1:{backend.port}" in reason
    status, fields, body = door.get("/system/hello", headers=SECRET, method="POST", body=b"also secret")
    problem = json.loads(body)
    assert (status, problem["type"]) == (502, "urn:reeve:problem:target-distrusted")
    assert line in problem["cause"]["text"]
    status, peer = upgrade(door, "/system/socket")
    with peer:
        assert status == 502
    wait_for(lambda: line in door.verb("why", "system").stdout, 25, "the journal to have it")
    assert line in door.verb("status", check=False).stdout and other.pin() in door.log()
    assert backend.heard == 0 and backend.met >= 3


def test_another_certificate_fails_closed_with_both_fingerprints(door, backend, nas, other):
    assert door.get("/pin/hello")[0] == 200
    wait_for(lambda: trouble(door, "pin") is None, 25, "the probe to pass")
    backend.show(other)
    backend.drop()
    backend.forget()
    status, _, body = door.get("/pin/hello", headers=SECRET)
    text = json.loads(body)["cause"]["text"]
    assert status == 502 and nas.pin() in text and other.pin() in text
    status, peer = upgrade(door, "/pin/socket")
    with peer:
        assert status == 502
    both = {nas.pin(), other.pin()}  # a probe that drop() has hit tells less
    wait_for(lambda: all(pin in (trouble(door, "pin") or "") for pin in both), 25, "the probe to fail")
    assert door.get("/ca/hello")[0] == door.get("/named/hello")[0] == 502
    assert backend.heard == 0
    assert door.get("/rotating/hello")[0] == 200  # its list holds both
    backend.show(nas)
    assert door.get("/rotating/hello")[0] == door.get("/pin/hello")[0] == 200
    wait_for(lambda: trouble(door, "pin") is None, 25, "the probe to pass again")
    told = door.verb("why", "pin").stdout
    assert "is degraded" in told and "has recovered" in told


def forged(folder, house):
    """Of another authority with the name of ours, for the same names."""
    elsewhere = folder / "forged"
    elsewhere.mkdir(exist_ok=True)
    return Identity(elsewhere, "nas", issuer=Identity(elsewhere, house.key.stem, authority=True),
                    names="IP:127.0.0.1,DNS:nas.lan")


def misplaced(folder, house):
    """Of our authority, for somebody else."""
    return Identity(folder, "misplaced", issuer=house, names="IP:10.9.9.9,DNS:else.lan")


NOT_SIGNED = 'names "CN=house" as who vouches for it, but that of tls.ca has not signed it'
SWAPPED = {
    forged: {"ca": NOT_SIGNED, "named": NOT_SIGNED, "system": 'vouched for by "CN=house", who is not trusted here'},
    misplaced: {"ca": "is for 10.9.9.9, else.lan, not for this address", "system": "is for 10.9.9.9, else.lan, not for nas.lan",
                "named": "is for 10.9.9.9, else.lan, not for nas.lan"},
}


@pytest.mark.parametrize("make", SWAPPED)
def test_a_swapped_certificate_fails_closed_without_pins(make_reeve, backend, folder, house, nas, make):
    """Requests, WebSockets and probes each say what was expected and what was found, and send nothing."""
    swapped = make(folder, house)
    policies = {"ca": f"{{ca: {house.certificate}}}", "named": f"{{ca: {house.certificate}, name: nas.lan}}",
                "system": "{verify: system, name: nas.lan}"}
    services = "\n".join(f'  {name}: {{address: "https://127.0.0.1:{backend.port}", tls: {tls}}}'
                         for name, tls in policies.items())
    routes = "\n".join(f"  - {{path: /{name}/*, to: {name}, strip: true}}" for name in policies)
    with tempfile.TemporaryDirectory() as readable:  # by the user of gates
        os.chmod(readable, 0o755)
        reeve = make_reeve().start(f"services:\n{services}\nroutes:\n{routes}\n", workers=1,
                                   environment={"SSL_CERT_FILE": shutil.copy(house.certificate, readable)})
        for name in policies:
            assert reeve.get(f"/{name}/hello", headers=SECRET)[0] == 200
            assert trouble(reeve, name) is None
        backend.show(swapped)
        backend.drop()
        backend.forget()
        for name in policies:
            wanted = (SWAPPED[make][name], f"before it had the key {nas.pin()}, now {swapped.pin()}",
                      f'tls: {{pin: "{swapped.pin()}"}}', f"127.0.0.1:{backend.port}")
            status, _, body = reeve.get(f"/{name}/hello", headers=SECRET, method="POST", body=b"also secret")
            problem = json.loads(body)
            assert (status, problem["type"]) == (502, "urn:reeve:problem:target-distrusted")
            assert all(part in problem["cause"]["text"] for part in wanted), problem
            with Peer.connect(reeve.port) as peer:
                answer = peer.send(handshake(f"/{name}/socket", **SECRET)).read_answer()
                text = json.loads(answer.body)["cause"]["text"]
                assert answer.status == 502 and all(part in text for part in wanted), text
            wait_for(lambda: all(part in (trouble(reeve, name) or "") for part in wanted), 60, "the probe to fail")
        assert (backend.heard, backend.requests) == (0, []) and backend.met >= 3 * len(policies)
        backend.show(nas)
        for name in policies:
            assert reeve.get(f"/{name}/hello")[0] == 200
            wait_for(lambda: trouble(reeve, name) is None, 60, "the probe to pass again")


def test_none_is_shown_as_insecure(door):
    shown = door.verb("status", check=False).stdout
    assert [line for line in shown.splitlines() if " none " in line and "insecure" in line]
    assert "insecure" in door.verb("why", "none").stdout
    assert {row["name"]: row["tls"] for row in door.status()["targets"]}["none"] == "none"
    checked = door.verb("check")
    assert "warning: services.none.tls.verify: none: insecure" in checked.stderr


# --- bodies and connections ---------------------------------------------------------------------------------------

def test_connections_are_kept(door, backend):
    for i in range(20):
        assert door.get(f"/pin/{i}")[0] == 200
    assert len(backend.requests) == 20 and len(backend.asked) == 1
    assert door.get("/ca/x")[0] == 200  # another policy: another connection
    assert len(backend.asked) == 2


def test_large_bodies_both_ways(door, backend):
    body = bytes(range(256)) * (LARGE // 256)
    status, _, answer = door.get("/pin/up", method="POST", body=body, timeout=60)
    assert status == 200 and answer.split()[2:] == [str(LARGE).encode(), hashlib.sha256(body).hexdigest().encode()]
    with Peer.connect(door.port, timeout=60) as slow:
        slow.send(f"GET /pin/large/{LARGE} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)  # not for luck: the answer has to wait for its reader somewhere
        answer = slow.read_answer()
        assert answer.status == 200 and answer.body == b"x" * LARGE


def test_a_cut_body_is_no_whole_one(door, backend):
    """Without a length only close_notify tells an end from a cut."""
    with Peer.connect(door.port) as client:
        client.send("GET /pin/ended HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.read_answer().body == b"whole"
        client.send("GET /pin/cut HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = client.read_to(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 200"):
            assert b"Transfer-Encoding: chunked" in head and not client.read_to_end().endswith(b"0\r\n\r\n")
        else:
            assert head.startswith(b"HTTP/1.1 502")


def test_large_messages_and_the_end_pass_a_relay(door, backend):
    status, peer = upgrade(door, "/ca/socket")
    with peer:
        assert status == 101
        for size in (1, 125, 126, 65536, 65536, 65536, 4 * 1024 * 1024):
            message = b"\xa5" * size
            sender = threading.Thread(target=peer.send, args=[frame(2, message)])
            sender.start()
            assert peer.read_frame() == (2, message, True)
            sender.join()
        peer.send(frame(8, b"\x03\xe8bye"))
        peer.socket.shutdown(socket.SHUT_WR)  # half closed: the answer comes all the same, then the end
        assert peer.read_frame() == (8, b"\x03\xe8bye", True)
        assert peer.read_to_end() == b""


def test_loops_ask_over_tls_and_fail_closed(make_reeve, backend, nas, other):
    """An http loop is a request as well: the same policy, from the same gate."""
    def text(pin):
        return (f'services: {{it: {{address: "https://127.0.0.1:{backend.port}", tls: {{pin: "{pin}"}}}}}}\n'
                "loops: {tick: {every: 200ms, http: {to: it, path: /tick}}}\n")

    def last(reeve):
        return row_of(reeve.status()["loops"], "tick")["last"] or {}

    reeve = make_reeve().start(text(nas.pin()), workers=1)
    wait_for(lambda: any(each.target == "/tick" for each in backend.requests), 10, "the loop to ask")
    reeve.configure(text(other.pin()), workers=1)
    reeve.verb("reload")
    wait_for(lambda: nas.pin() in last(reeve).get("text", ""), 10, "the loop to fail")
    count, met = len(backend.requests), backend.met
    wait_for(lambda: backend.met > met + 3, 10, "more attempts")
    assert len(backend.requests) == count


def test_whom_the_system_trusts(make_reeve, backend, house):
    """OpenSSL's way of naming other authorities holds for gates as well, where their user can read the file."""
    with tempfile.TemporaryDirectory() as readable:
        os.chmod(readable, 0o755)
        trusted = shutil.copy(house.certificate, readable)
        reeve = make_reeve().start(f'services: {{it: {{address: "https://127.0.0.1:{backend.port}"}}}}\n'
                                   "routes: [{path: /*, to: it}]\n", workers=1, environment={"SSL_CERT_FILE": trusted})
        assert reeve.get("/hello")[0] == 200 and trouble(reeve, "it") is None


# --- what answers there is wrong ----------------------------------------------------------------------------------

@contextlib.contextmanager
def refused_by(make_reeve, port, tls="", routes=""):
    """A reeve with one service on that port; gives the text of its 502 (or the status of another answer)."""
    reeve = make_reeve().start(f'services: {{it: {{address: "https://127.0.0.1:{port}"{tls}}}}}\n'
                               f"routes: [{{path: /*, to: it{routes}}}]\n", workers=1)
    status, _, body = reeve.get("/x", headers=SECRET)
    yield status, json.loads(body)["cause"]["text"] if status == 502 else body.decode()


def test_an_expired_one(make_reeve, folder, house):
    old = Identity(folder, "old", issuer=house, days=-1)
    with Secure(old) as backend:
        with refused_by(make_reeve, backend.port, f", tls: {{ca: {house.certificate}}}") as (status, text):
            assert status == 502 and "has expired on 20" in text and backend.heard == 0
        with refused_by(make_reeve, backend.port, f', tls: {{pin: "{old.pin()}"}}') as (status, text):
            assert status == 200  # the key is what counts


def test_a_wrong_name(make_reeve, folder, house):
    elsewhere = Identity(folder, "elsewhere", issuer=house, names="DNS:else.lan")
    with Secure(elsewhere) as backend:
        with refused_by(make_reeve, backend.port, f", tls: {{ca: {house.certificate}}}") as (status, text):
            assert status == 502 and "is for else.lan, not for this address" in text and backend.heard == 0


def test_old_tls_and_no_tls(make_reeve, folder, nas, house):
    with Secure(nas) as backend:
        backend.context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            backend.context.minimum_version, backend.context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with refused_by(make_reeve, backend.port, ", tls: {verify: none}") as (status, text):
            assert status == 502 and "neither TLS 1.2 nor 1.3" in text and backend.heard == 0
    with Backend() as plain:
        def answer():
            with contextlib.suppress(OSError):
                while True:
                    with plain.accept() as peer:
                        peer.more()
                        peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        plain.listener.settimeout(None)
        threading.Thread(target=answer, daemon=True).start()
        with refused_by(make_reeve, plain.port, ", tls: {verify: none}") as (status, text):
            assert status == 502 and "does not speak TLS" in text
        plain.listener.shutdown(socket.SHUT_RDWR)


def test_a_handshake_that_takes_too_long(make_reeve):
    with Backend() as silent:
        started = time.monotonic()
        with refused_by(make_reeve, silent.port, ", tls: {verify: none}", ", timeout: {connect: 300ms}") as (status, _):
            assert status == 504 and time.monotonic() - started >= 0.25


def test_a_damaged_authority_is_an_error_of_the_check(reeve, folder):
    damaged = folder / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    reeve.configure(f'services: {{it: {{address: "https://127.0.0.1:9", tls: {{ca: {damaged}}}}}}}\n')
    checked = reeve.verb("check", check=False)
    assert checked.returncode == 2 and "tls.ca: a certificate in it is damaged" in checked.stderr
    assert f"{reeve.file}:4:" in checked.stderr


# --- names ----------------------------------------------------------------------------------------------------------

def test_a_host_name_is_an_address_too(make_reeve, folder, house):
    """Names below localhost are of this machine wherever the test runs (RFC 6761 section 6.3)."""
    box = Identity(folder, "box", issuer=house, names="DNS:box.localhost")
    with Secure(box) as backend:
        reeve = make_reeve().start(
            f'services:\n  it: {{address: "https://box.localhost:{backend.port}", tls: {{ca: {house.certificate}}}}}\n'
            f'  no: {{address: "https://else.localhost:{backend.port}", tls: {{ca: {house.certificate}}}}}\n'
            "routes: [{path: /it/*, to: it}, {path: /no/*, to: no}]\n", workers=1)
        assert "warning" not in reeve.verb("check").stderr
        assert reeve.get("/it/hello", headers=SECRET)[0] == 200
        status, peer = upgrade(reeve, "/it/socket")
        with peer:
            assert status == 101
        met = len(backend.requests)
        status, _, body = reeve.get("/no/hello", headers=SECRET)
        assert status == 502 and "is for box.localhost, not for else.localhost" in json.loads(body)["cause"]["text"]
        wait_for(lambda: "not for else.localhost" in (trouble(reeve, "no") or ""), 60, "the probe to fail")
        assert trouble(reeve, "it") is None and len(backend.requests) == met


# --- reeve pin ----------------------------------------------------------------------------------------------------

def test_the_pin_is_shown(backend, nas, house, reeve, make_reeve):
    """Without a configuration, without a keeper, and nothing is sent."""
    for address in (f"127.0.0.1:{backend.port}", f"https://127.0.0.1:{backend.port}/x", f"wss://localhost:{backend.port}"):
        shown = reeve.verb("pin", address).stdout
        assert shown.splitlines()[-1] == nas.pin() and f'    tls: {{pin: "{nas.pin()}"}}\n' in shown
        for part in ("CN=nas\n", "CN=house\n", "127.0.0.1, nas.lan\n", nas.fingerprint().replace(":", "").lower()):
            assert part in shown
    told = json.loads(reeve.verb("pin", "--json", f"127.0.0.1:{backend.port}").stdout)
    assert (told["pin"], told["subject"], told["issuer"]) == (nas.pin(), "CN=nas", "CN=house")
    assert backend.heard == 0
    with refused_by(make_reeve, backend.port, f', tls: {{pin: "{told["pin"]}"}}') as (status, _):
        assert status == 200


def test_no_pin_where_there_is_none(reeve):
    with Backend() as absent:
        port = absent.port
    for address, code, words in ((f"https://127.0.0.1:{port}/x", 1, f" 127.0.0.1:{port}: Connection refused"), ("127.0.0.1:0", 2, "no address"),
                                 ("127.0.0.1:x", 2, "no address"), ("[::1", 2, "no address"), ("", 2, "no address")):
        done = reeve.verb("pin", address, check=False)
        assert done.returncode == code and words in done.stderr and not done.stdout
    with socket.create_server(("127.0.0.1", 0)) as clear:
        threading.Thread(target=greet_in_the_clear, args=[clear]).start()
        address = f"127.0.0.1:{clear.getsockname()[1]}"
        done = reeve.verb("pin", address, check=False)
    assert done.returncode == 1 and f"{address} does not speak TLS" in done.stderr and not done.stdout, done.stderr


def greet_in_the_clear(listener):
    """As a mail server does, who speaks first."""
    client, _ = listener.accept()
    with client:
        client.sendall(b"220 mail.example ESMTP ready\r\n")
        while client.recv(4096):
            pass


# --- another policy -----------------------------------------------------------------------------------------------

def test_a_reload_checks_anew(make_reeve, backend, nas, other, house):
    """A kept connection was checked under the old policy; it does not serve the new one."""
    def text(tls):
        return (f'services: {{it: {{address: "https://127.0.0.1:{backend.port}", tls: {tls}}}}}\n'
                "routes: [{path: /*, to: it}]\n")

    reeve = make_reeve().start(text(f'{{pin: "{nas.pin()}"}}'), workers=1)
    assert reeve.get("/1")[0] == reeve.get("/2")[0] == 200
    before = len(backend.requests)
    reeve.configure(text(f'{{pin: "{other.pin()}"}}'), workers=1)
    reeve.verb("reload")
    wait_for(lambda: reeve.get("/3")[0] == 502, 10, "the new policy to rule")
    assert len([each for each in backend.requests[before:] if each.target == "/3"]) <= 2  # before it ruled, if at all
    count = len(backend.requests)
    for _ in range(3):
        assert reeve.get("/4")[0] == 502
    assert len(backend.requests) == count
    reeve.configure(text(f"{{ca: {house.certificate}}}"), workers=1)
    reeve.verb("reload")
    wait_for(lambda: reeve.get("/5")[0] == 200, 10, "the authority to be asked")


def test_open_streams_do_not_stay_under_another_policy(make_reeve, backend, nas, other, house, folder):
    """Whoever reloads because a key is no longer to be trusted is not left with who has it."""
    def text(port, tls):
        return (f'services:\n  it: {{address: "https://127.0.0.1:{port}", tls: {tls}}}\n'
                f'  same: {{address: "https://127.0.0.1:{backend.port}", tls: {{pin: "{nas.pin()}"}}}}\n'
                "routes: [{path: /it/*, to: it, strip: true}, {path: /same/*, to: same, strip: true}]\n")

    def echoes(peer):
        peer.send(frame(1, b"still here"))
        return peer.read_frame() == (1, b"still here", True)

    with Secure(Identity(folder, "second", issuer=house)) as second:
        reeve = make_reeve().start(text(backend.port, f'{{pin: "{nas.pin()}"}}'), workers=1)
        (status, peer), (stays, same) = upgrade(reeve, "/it/socket"), upgrade(reeve, "/same/socket")
        assert status == stays == 101 and echoes(peer) and echoes(same)
        for port, tls, wanted in ((backend.port, f"{{ca: {house.certificate}}}", 101),
                                  (second.port, f"{{ca: {house.certificate}}}", 101),
                                  (backend.port, f'{{pin: "{other.pin()}"}}', 502)):
            reeve.configure(text(port, tls), workers=1)
            reeve.verb("reload")
            assert peer.read(4) == b"\x88\x02" + (1012).to_bytes(2, "big")
            peer.socket.close()
            status, peer = upgrade(reeve, "/it/socket")
            assert status == wanted and (status != 101 or echoes(peer))
            assert echoes(same)
        assert len(second.asked) == 1
        same.socket.close(), peer.socket.close()
