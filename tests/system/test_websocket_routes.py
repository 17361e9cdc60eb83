"""What a route says of its WebSockets (docs/websockets.md), over all gates; conversations of every kind; very
large ones."""
import contextlib
import ctypes
import json
import os
import random
import select
import signal
import socket
import struct
import threading
import time

import pytest

from conftest import wait_for
from conversations import Ear, Script, converse, joined
from people import add_user, cookie_of, make_token
from peers import ACCEPTED, Backend, Peer, frame, handshake
from test_api import ask, console_port, documented
from test_relay import private_memory

SEED = int(os.environ.get("SEED", 1))  # the same conversations each time; SEED=... looks further
LARGEST = 64 << 20
OWN = "http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def listening():
    with Backend() as backend:
        yield backend


@pytest.fixture
def backend(listening):
    listening.forget()
    return listening


@pytest.fixture(scope="module")
def door(shared_reeve, listening):
    folder = shared_reeve.folder / "data"
    folder.mkdir(mode=0o755)
    (folder / "events.jsonl").write_text('{"n":1}\n')
    shared_reeve.start(f"""
services:
  backend: {{address: "http://127.0.0.1:{listening.port}"}}
routes:
  - {{path: /raw/*, to: backend}}
  - {{path: /tty, to: backend, websocket: {{subprotocol: tty}}}}
  - {{path: /quick, to: backend, websocket: {{ping: 2s}}}}
  - {{path: /few, to: backend, limits: {{streams: 5, per_address: 3}}, websocket: {{refuse: close}}}}
  - {{path: /events, events: {{file: {folder}/events.jsonl}}, limits: {{streams: 2}}}}
""", workers=2)
    return shared_reeve


# --- conversations ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", range(8))
def test_the_same_as_direct(door, backend, number):
    """Random conversations, once direct and once through reeve: each end hears the same, to the byte."""
    print(f"SEED={SEED}")
    dice = random.Random(f"{SEED}-{number}")
    largest = LARGEST if number == 0 else 0
    scripts = [Script(dice, masked, 1 if largest else dice.randint(1, 60), largest if masked else 0, dice.random() < 0.5)
               for masked in (True, False)]
    heard = []
    for port in (backend.port, door.port):
        with joined(port, backend, "/raw/x") as (client, peer):
            heard.append(converse(client, peer, scripts))
    assert heard[0] == [scripts[1].bytes, scripts[0].bytes]
    assert heard[1] == heard[0], f"SEED={SEED}"


@pytest.mark.parametrize("number", range(6))
def test_a_cut_loses_nothing_of_what_was_said_before(door, backend, number):
    """One end is reset in the middle: the other hears a beginning of what was said, and that it is over."""
    dice = random.Random(f"{SEED}-cut-{number}")
    script = Script(dice, number % 2 == 0, 40, 0, False)
    with joined(door.port, backend, "/raw/x") as ends:
        speaker, listener = ends if number % 2 == 0 else ends[::-1]
        ear = Ear(listener.socket, script.stalls, listener.take(len(listener.buffer)))
        speaker.socket.sendall(script.bytes[:dice.randrange(len(script.bytes) + 1)])
        speaker.reset()
        heard = ear.result()
    assert script.bytes.startswith(heard), f"SEED={SEED}"


@pytest.mark.parametrize("code, seen", [(1005, 1011), (1006, 1011), (1015, 1011), (1000, 1000), (1012, 1012), (4999, 4999)])
def test_close_codes_on_the_wire(door, backend, code, seen):
    """Codes that must never be sent (RFC 6455 section 7.4.1) become 1011; all others and their reasons pass."""
    with joined(door.port, backend, "/raw/x") as (client, peer):
        peer.send(frame(8, code.to_bytes(2, "big") + b"why", masked=False))
        assert client.read_frame() == (8, seen.to_bytes(2, "big") + b"why", True)
        client.send(frame(8, code.to_bytes(2, "big") + b"because"))
        assert peer.read(6 + 9) == frame(8, seen.to_bytes(2, "big") + b"because")


def say_much(connection, size, progress):
    piece = memoryview(bytes(1 << 20))
    with contextlib.suppress(OSError):
        while progress["sent"] < size:
            progress["sent"] += connection.send(piece[:min(len(piece), size - progress["sent"])])


def stand_still(progress):
    """Waits until the sender has not got on for half a second."""
    before, since = progress["sent"], time.monotonic()
    while time.monotonic() < since + 0.5:
        time.sleep(0.05)
        if progress["sent"] != before:
            before, since = progress["sent"], time.monotonic()
    return before


@pytest.mark.parametrize("to_client", [True, False], ids=["to the client", "to the program"])
def test_one_message_of_a_gigabyte(door, backend, to_client):
    """No message is too large, and its reader may rest: what it does not take waits at the sender."""
    size, taken = 1 << 30, 0
    with joined(door.port, backend, "/raw/x") as (client, peer):
        before = {pid: private_memory(pid) for pid in door.gates()}
        speaker, listener = (peer, client) if to_client else (client, peer)
        first = frame(2, bytes(70000), final=False, masked=not to_client)
        speaker.send(first + (b"\x80\x7f" if to_client else b"\x80\xff") + size.to_bytes(8, "big") + b"" if to_client else
                     first + b"\x80\xff" + size.to_bytes(8, "big") + bytes(4))
        progress = {"sent": 0}
        sender = threading.Thread(target=say_much, args=[speaker.socket, size, progress], daemon=True)
        sender.start()
        listener.read(len(first) + (10 if to_client else 14))
        assert stand_still(progress) < 256 << 20, "sockets alone do not hold so much"
        grown = [private_memory(pid) - before[pid] for pid in before]
        assert max(grown) < 8 << 20, f"{grown} bytes are held for one who rests"
        room = memoryview(bytearray(1 << 22))
        while taken < size:
            count = listener.socket.recv_into(room, min(len(room), size - taken))
            assert count, f"ended after {taken} bytes"
            taken += count
        sender.join(60)
        grown = [private_memory(pid) - before[pid] for pid in before]
        assert progress["sent"] == size and max(grown) < 8 << 20
        speaker.send(frame(1, b"after", masked=not to_client))
        assert listener.read(7 if to_client else 11) == frame(1, b"after", masked=not to_client)


# --- what a route says ------------------------------------------------------------------------------------------

def test_a_subprotocol_in_place_of_the_client(door, backend):
    """Asked for where the client asks for none, and not told to a client that has not asked."""
    for asked, answer in ((None, "tty"), ("chat", "chat")):
        with Peer.connect(door.port) as client:
            client.send(handshake("/tty", **({"Sec_WebSocket_Protocol": asked} if asked else {})))
            peer, request = backend.accept_request()
            with peer:
                request = request.decode()
                assert f"Sec-WebSocket-Protocol: {answer}\r\n" in request
                peer.send(ACCEPTED[:-2] + f"Sec-WebSocket-Protocol: {answer}\r\n\r\n".encode())
                assert client.read_answer().fields["Sec-WebSocket-Protocol"] == asked


def test_a_silent_client_is_asked(door, backend):
    """It answers, and the program hears nothing of it; then it does not, and both hear that it is gone."""
    with joined(door.port, backend, "/quick") as (client, peer):
        opcode, nonce, final = client.read_frame()
        assert (opcode, len(nonce), final) == (9, 8, True)
        client.send(frame(10, nonce) + frame(9, b"mine"))
        assert peer.read(10) == frame(9, b"mine")
        peer.send(frame(9, b"its", masked=False))
        while (heard := client.read_frame()) != (9, b"its", True):
            assert heard == (9, nonce, True)
        seen = client.read_frame()
        while seen == (9, nonce, True):
            seen = client.read_frame()
        assert seen == (8, (1011).to_bytes(2, "big"), True)
        said = peer.read(8)
        assert said[0] == 0x88 and bytes(byte ^ said[2 + i] for i, byte in enumerate(said[6:])) == (1001).to_bytes(2, "big")
        assert client.read_to_end() == b"" and peer.read_to_end() == b""


def deafen(connection):
    """From now on its machine hears nothing: each segment is dropped before TCP sees it (socket(7), SO_ATTACH_FILTER)."""
    drop_all = struct.pack("HBBI", 0x06, 0, 0, 0)
    instructions = ctypes.create_string_buffer(drop_all)
    connection.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", 1, ctypes.addressof(instructions)))


@pytest.mark.parametrize("deaf", ["client", "program"])
def test_a_machine_that_is_gone_is_noticed(door, backend, deaf):
    """Nothing acknowledges what is sent there: the other side hears that it is over, although no end came."""
    with joined(door.port, backend, "/quick") as (client, peer):
        if deaf == "client":
            deafen(client.socket)
            peer.send(frame(1, b"into the void", masked=False))
            assert peer.read(8)[:2] == b"\x88\x82" and peer.read_to_end() == b""
        else:
            deafen(peer.socket)
            client.send(frame(1, b"into the void"))
            while (heard := client.read_frame())[0] == 9:
                client.send(frame(10, heard[1]))
            assert heard == (8, (1011).to_bytes(2, "big"), True)


def test_a_stalled_reader_is_not_gone(door, backend):
    """One that does not read cannot answer a ping either; as long as its kernel is there, it is left alone."""
    with joined(door.port, backend, "/quick") as (client, peer):
        size = 32 << 20
        progress = {"sent": 0}
        peer.send(b"\x82\x7f" + size.to_bytes(8, "big"))
        sender = threading.Thread(target=say_much, args=[peer.socket, size, progress], daemon=True)
        sender.start()
        stand_still(progress)
        time.sleep(7)  # several intervals: a promise of what does not happen
        assert len(client.read(10 + size)) == 10 + size
        sender.join(60)


# --- how many ---------------------------------------------------------------------------------------------------

def open_few(door, backend, stack, path="/few", address="127.0.0.1"):
    """One stream more; its client, or the answer that refuses it."""
    connection = socket.create_connection(("127.0.0.1", door.port), 20, source_address=(address, 0))
    client = stack.enter_context(Peer(connection))
    client.send(handshake(path))
    while client.silent(0):
        if select.select([client.socket, backend.listener], [], [], 20)[0] == [backend.listener]:
            program = backend.accept_waiting()
            if program and stack.enter_context(program).more():
                client.program = program.send(ACCEPTED)
    answer = client.read_answer()
    return client if answer.status == 101 else answer


def test_one_too_many_is_refused_over_all_gates(door, backend):
    with contextlib.ExitStack() as stack:
        first = [open_few(door, backend, stack) for _ in range(3)]
        assert all(isinstance(client, Peer) for client in first)
        answer = open_few(door, backend, stack)
        assert answer.status == 503 and int(answer.fields["Retry-After"]) >= 1 and b"per_address" in answer.body
        second = [open_few(door, backend, stack, address="127.0.0.2") for _ in range(2)]
        assert all(isinstance(client, Peer) for client in second)
        answer = open_few(door, backend, stack, address="127.0.0.3")
        assert answer.status == 503 and b"limits.streams" in answer.body
        assert json.loads(answer.body)["type"] == "urn:reeve:problem:too-many-streams"
        assert all(client.silent(0.05) for client in first + second), "nobody is evicted"
        of_backend(door, 5)
        with Peer.connect(door.port) as page:  # the same for a page of our own, as a close code
            page.send(handshake("/few", f"127.0.0.1:{door.port}", Origin=OWN.format(port=door.port)))
            assert page.read_answer().status == 101
            opcode, payload, _ = page.read_frame()
            assert (opcode, payload[:2]) == (8, (4503).to_bytes(2, "big")) and page.read_to_end() == b""
        first[0].socket.close()
        first[0].program.socket.close()
        of_backend(door, 4)  # the first is gone
        assert isinstance(open_few(door, backend, stack, address="127.0.0.3"), Peer)


def test_event_streams_count_too(door):
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            reader = stack.enter_context(Peer.connect(door.port))
            reader.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").read_to(b'{"n":1}')
        third = stack.enter_context(Peer.connect(door.port))
        answer = third.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").read_answer()
        assert answer.status == 503 and b"limits.streams" in answer.body

        def rows():
            return [row for row in all_listed(door)["connections"] if row["kind"] == "events"]
        wait_for(lambda: len(rows()) == 2, 10, "two readers to be listed")
        assert all("reeve.yaml:" in row["route"] for row in rows())


def test_one_too_many_of_a_user(make_reeve):
    """Over all gates, whatever sign-in they came with; others are not counted in."""
    reeve = make_reeve()
    reeve.configure("""
auth: {method: password, users: ./users}
routes: [{path: /events, events: {file: ./events.jsonl}, allow: [signed-in], limits: {per_user: 2}}]
""", workers=2)
    (reeve.folder / "events.jsonl").write_text('{"n":1}\n')
    for name in ("ann", "eve"):
        add_user(reeve, name)
    reeve.start()

    def opened(cookie):
        reader = stack.enter_context(Peer.connect(reeve.port))
        reader.send(f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        return reader, reader.read_to(b"\r\n\r\n")

    with contextlib.ExitStack() as stack:
        ann, again, eve = (cookie_of(reeve, name) for name in ("ann", "ann", "eve"))
        first, _ = opened(ann)
        assert b" 200 " in opened(again)[1]
        for cookie in (ann, again) * 2:
            assert b" 503 " in opened(cookie)[1]
        assert b" 200 " in opened(eve)[1]
        first.socket.close()
        wait_for(lambda: b" 200 " in opened(ann)[1], 20, "the place to be free")


# --- connections ------------------------------------------------------------------------------------------------

def listed(door):
    return json.loads(door.verb("connections", "--json").stdout)


def all_listed(door):
    """The same of all gates, however slow they are to answer."""
    return wait_for(lambda: not (rows := listed(door))["silent"] and rows, 20, "all gates to answer")


def of_backend(door, count):
    def rows():
        return [row for row in all_listed(door)["connections"] if row["target"] == "backend"]
    return wait_for(lambda: len(found := rows()) == count and found, 10, f"{count} connections to be listed")


def test_connections_are_listed_and_closed(door, backend):
    wait_for(lambda: not all_listed(door)["connections"], 10, "earlier tests' connections to end")
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(joined(door.port, backend, "/raw/x")) for _ in range(6)]
        client, peer = ends[0]
        client.send(frame(1, b"hello") + frame(2, bytes(100)) + frame(9))
        peer.read(6 + 5 + 6 + 100 + 6)
        peer.send(frame(1, b"back", masked=False))
        client.read_frame()
        rows = of_backend(door, 6)
        assert len({row["id"] for row in rows}) == 6 and all(set(row) <= documented("A connection") for row in rows)
        talked = [row for row in rows if row["messages_in"]]
        assert len(talked) == 1 and talked[0]["messages_in"] == 2 and talked[0]["messages_out"] == 1
        assert talked[0]["bytes_in"] == 6 + 5 + 6 + 100 + 6 and talked[0]["bytes_out"] >= 6
        assert talked[0]["kind"] == "websocket" and talked[0]["address"] == "127.0.0.1" and talked[0]["user"] is None
        assert talked[0]["age_ms"] < 60000 and talked[0]["since"].startswith("20")
        assert talked[0]["id"] in door.verb("connections").stdout
        assert door.verb("connections", "close", talked[0]["id"]).returncode == 0
        assert client.read_frame() == (8, (1001).to_bytes(2, "big"), True)
        client.send(frame(8, (1001).to_bytes(2, "big")))
        assert peer.read(8)[0] == 0x88
        peer.socket.close()
        assert client.read_to_end() == b""
        other = next(row["id"] for row in of_backend(door, 5))
        status, _, answer = ask(console_port(door), "DELETE", f"connections/{other}")
        assert (status, answer) == (200, {"id": other})
        wait_for(lambda: len(ask(console_port(door), "GET", "connections")[2]["connections"]) >= 4, 10, "those that are left")
        assert ask(console_port(door), "DELETE", "connections/0.0.0")[0] == 404
        assert ask(console_port(door), "DELETE", "connections/x")[0] == 404
        done = door.verb("connections", "close", other.rpartition(".")[0] + ".99999", check=False)
        assert done.returncode == 6 and "no such connection" in done.stderr
    assert "closed the connection" in door.verb("why").stdout


def test_who_closed_which_connection_is_in_the_journal(make_reeve, backend):
    """The command by its user, over the API by the token; and whose it was, to what, from where, by which route."""
    reeve = make_reeve().configure(f"""
auth: {{method: password}}
services: {{backend: {{address: "http://127.0.0.1:{backend.port}"}}}}
routes: [{{path: /raw/*, to: backend, allow: [anyone]}}]
""", workers=1)
    add_user(reeve, "ann", "ops")
    headers = {"Authorization": "Bearer " + make_token(reeve, "robot")}
    reeve.start()
    ids = []
    for close in (lambda id: reeve.verb("connections", "close", id),
                  lambda id: ask(console_port(reeve), "DELETE", f"connections/{id}", headers=headers)):
        with joined(reeve.port, backend, "/raw/x") as (client, _):
            (row,) = wait_for(lambda: (rows := all_listed(reeve)["connections"]) and len(rows) == 1 and rows)
            ids.append(row["id"])
            close(row["id"])
            client.read_frame()
    reeve.stop()
    rows = [evidence for _, event, evidence in reeve.journal() if event == "connection-closed"]
    about = {"kind": "websocket", "target": "backend", "address": "127.0.0.1", "route": row["route"]}
    assert row["route"].startswith(f"{reeve.file}:")
    assert [row.pop("by") for row in rows] == [f"uid {os.getuid()}", "token robot"]
    assert rows == [{"connection": each, **about} for each in ids]


def test_a_gate_that_does_not_answer_is_named(door):
    stopped = door.status()["gates"][1]
    os.kill(stopped["pid"], signal.SIGSTOP)
    try:
        wait_for(lambda: listed(door)["silent"] == [stopped["slot"]], 10, "it alone to be silent")
        assert f"gate {stopped['slot']} did not answer" in door.verb("connections").stdout
    finally:
        os.kill(stopped["pid"], signal.SIGCONT)
    wait_for(lambda: not listed(door)["silent"], 10, "it to answer again")
