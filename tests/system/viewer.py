"""A viewer of a terminal without a terminal: the command's question to the keeper, then the link to the hold."""
import json
import os
import pathlib
import select
import socket
import struct
import time

RUNTIME = pathlib.Path("/run/reeve" if os.geteuid() == 0 else
                       os.environ["XDG_RUNTIME_DIR"] + "/reeve" if "XDG_RUNTIME_DIR" in os.environ else
                       f"/tmp/reeve-{os.geteuid()}")
ATTACH, OK, RECORD = 201, 2, 65536


class Viewer:
    """`snapshot` and `place` are those that came last, `live` is the output behind them."""

    def __init__(self, reeve, name, view=False, columns=0, rows=0):
        self.snapshot, self.live, self.place, self.size, self.end = b"", b"", None, None, None
        question = json.dumps({"target": name, "view": view, "columns": columns, "rows": rows}).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
            control.settimeout(60)
            control.connect(str(RUNTIME / reeve.name / "control.sock"))
            control.send(struct.pack("=HHIII", 1, ATTACH, 7, len(question), 0) + question)
            answer, descriptors, _, _ = socket.recv_fds(control, 70000, 1)
        _, kind, _, size, _ = struct.unpack_from("=HHIII", answer)
        self.answer = json.loads(answer[16:16 + size])
        assert kind == OK, self.answer
        self.link = socket.socket(fileno=descriptors[0]) if descriptors else None

    def take(self, timeout):
        """One record; False when none comes in time or the link has ended."""
        if not select.select([self.link], [], [], timeout)[0]:
            return False
        record = self.link.recv(RECORD)
        kind, data = record[:1], record[1:]
        if kind == b"4":
            self.size, self.live = struct.unpack("=HH", data), b""
        elif kind == b"0":
            self.live += data
        elif kind == b"5":
            self.place, self.snapshot, self.live = struct.unpack("=Q", data)[0], self.live, b""
        elif kind == b"6":
            self.end = data.decode()
        return bool(record)

    def await_snapshot(self, timeout=60):
        deadline = time.monotonic() + timeout
        while self.place is None:
            assert time.monotonic() < deadline and self.take(timeout), "no snapshot"
        return self

    def take_all(self):
        while self.take(0):
            pass
        return self

    def type(self, text):
        self.link.send(b"0" + text)

    def close(self):
        self.link.close()
