"""A viewer cut 500 times, half of the cuts inside escape sequences and characters: after each attach the screen is that of
xterm.js fed exactly the bytes up to the snapshot, also when keeper and gates were killed in between."""
import base64
import json
import os
import pathlib
import socket
import subprocess
import sys

import kernel
import npm
from conftest import program, wait_for
from viewer import Viewer

TERMINAL = pathlib.Path(__file__).resolve().parents[1] / "terminal"
sys.path.append(str(TERMINAL))
import recordings  # noqa: E402

SEED = int(os.environ.get("SEED", 1))  # the same bytes each time; SEED=... looks further
CUTS, KILLS = 500, 3
COLUMNS, ROWS, SCROLLBACK = 70, 20, 200


def kill_all_but_the_hold(reeve):
    gates = reeve.gates()
    reeve.kill_keeper()
    for pid in gates:
        kernel.kill(pid)
    reeve.start()
    reeve.wait_state("written", "ready")


def attach_at(reeve, place):
    """A viewer whose snapshot stands for exactly so many bytes: the hold may not have read them all at first."""
    found = []

    def attached():
        found.append(Viewer(reeve, "written"))
        if found[-1].answer["status"] == 503 and not found[-1].link:  # not adopted yet
            return False
        if found[-1].await_snapshot().place == place:
            return True
        found[-1].close()
        return False

    wait_for(attached, 20, f"a snapshot at {place}")
    return found[-1]


def test_a_viewer_cut_500_times(reeve, tmp_path):
    print("seed", SEED)
    draw = recordings.new_random(SEED)
    data = (recordings.wide_text(draw, 60) + recordings.random_bytes(draw, 300) + b"\x18\x1bc" +
            recordings.wide_text(draw, 150))
    (tmp_path / "data").write_bytes(data)
    places = recordings.cut_places(data, CUTS, draw)
    kills = set(draw.sample(range(len(places)), KILLS))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    listener.settimeout(60)
    reeve.start(f"""services:
  written:
    command: [{program("dictated.py")}, {tmp_path}/data, {tmp_path}/s]
    terminal: {{columns: {COLUMNS}, rows: {ROWS}, scrollback: {SCROLLBACK}}}
""")
    connection, _ = listener.accept()
    connection.settimeout(60)
    pid, cuts, before = reeve.wait_state("written", "ready")["run"]["pid"], [], None
    with listener, connection, connection.makefile("rw") as orders:
        for number, place in enumerate(places):
            orders.write(f"{place}\n")
            orders.flush()
            assert orders.readline() == "done\n"
            if number in kills:
                kill_all_but_the_hold(reeve)
            viewer = attach_at(reeve, place)
            if before:  # it has been told of everything that this snapshot stands for
                cuts[-1]["live"] = base64.b64encode(before.take_all().live).decode()
                before.close()
            cuts.append({"place": place, "snapshot": base64.b64encode(viewer.snapshot).decode(), "live": ""})
            before = viewer
        before.close()
        assert reeve.target("written")["run"]["pid"] == pid
    job = {"columns": COLUMNS, "rows": ROWS, "scrollback": SCROLLBACK, "input": str(tmp_path / "data"), "cuts": cuts}
    (tmp_path / "job").write_text(json.dumps(job))
    modules = npm.install(TERMINAL / "oracle")
    done = subprocess.run(["node", TERMINAL / "oracle/replay.js", tmp_path / "job"], capture_output=True, text=True,
                          timeout=300, env=os.environ | {"NODE_PATH": str(modules)})
    assert done.returncode == 0, done.stderr
    assert len(cuts) > 0.8 * CUTS and json.loads(done.stdout) == []
