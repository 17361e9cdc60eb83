"""One message of four gigabytes with a reader that rests again and again, and many random conversations.

SOAK_SECONDS (3600) is how long the conversations go on, SOAK_SEED which they are."""
import os
import random
import threading
import time

from conftest import wait_for
from conversations import Script, converse, joined
from peers import Backend
from test_relay import private_memory
from test_websocket_routes import say_much, stand_still

SECONDS = float(os.environ.get("SOAK_SECONDS", 3600))
SEED = int(os.environ.get("SOAK_SEED", time.time()))
SIZE, RESTS = 4 << 30, 8
HELD = 16 << 20  # bytes of memory that gates may grow by


def start(reeve, backend):
    reeve.start(f"""
services: {{backend: {{address: "http://127.0.0.1:{backend.port}"}}}}
routes: [{{path: /*, to: backend}}]
""", workers=2)
    return {pid: private_memory(pid) for pid in reeve.gates()}


def grown(before):
    return max(private_memory(pid) - size for pid, size in before.items())


def test_four_gigabytes(reeve):
    with Backend() as backend:
        before = start(reeve, backend)
        with joined(reeve.port, backend, "/raw/x") as (client, peer):
            progress, taken = {"sent": 0}, 0
            peer.send(b"\x82\x7f" + SIZE.to_bytes(8, "big"))
            sender = threading.Thread(target=say_much, args=[peer.socket, SIZE, progress], daemon=True)
            sender.start()
            client.read(10)
            room = memoryview(bytearray(1 << 22))
            for rest in range(1, RESTS + 1):
                stand_still(progress)
                assert progress["sent"] - taken < 256 << 20 and grown(before) < HELD
                while taken < SIZE * rest // RESTS:
                    count = client.socket.recv_into(room, min(len(room), SIZE - taken))
                    assert count, f"ended after {taken} bytes"
                    taken += count
            sender.join(60)
            assert taken == SIZE and grown(before) < HELD


def test_random_conversations(reeve):
    print(f"SOAK_SEED={SEED} SOAK_SECONDS={SECONDS}")
    with Backend() as backend:
        before = start(reeve, backend)
        end, number = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            dice = random.Random(f"{SEED}-{number}")
            largest = 64 << 20 if dice.random() < 0.02 else 0
            scripts = [Script(dice, masked, dice.randint(1, 80), largest if masked else 0, dice.random() < 0.5)
                       for masked in (True, False)]
            with joined(reeve.port, backend, "/raw/x") as (client, peer):
                assert converse(client, peer, scripts) == [scripts[1].bytes, scripts[0].bytes], f"{SEED}-{number}"
            number += 1
        wait_for(lambda: grown(before) < HELD, 30, f"memory after {number} conversations")
