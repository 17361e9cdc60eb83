"""Event streams (design §7.3): every line once and in order, whatever happens to the file, the readers, the gates."""
import contextlib
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

import kernel
from conftest import PYTHON, SLACK, wait_for
from eventstreams import TICK, Stream, Writer, open_streams, start


# --- every line once ---------------------------------------------------------------------------------------


class Flapping(threading.Thread):
    """A reader that leaves at random and comes back with the id of its last event, until it has seen `last`."""

    def __init__(self, reeve, seed, last):
        super().__init__()
        self.reeve, self.random, self.last = reeve, random.Random(seed), last
        self.seen, self.other, self.connects, self.error = [], [], 0, None

    def run(self):
        try:
            after = None
            while not self.seen or self.seen[-1] != self.last:
                try:
                    stream = Stream(self.reeve, after=after, timeout=120)
                except (http.client.HTTPException, ConnectionError):  # its gate was killed meanwhile
                    continue
                self.connects += 1
                assert stream.status == 200
                for _ in range(self.random.choice((0, 1, 3, 10, 50, 300)) if self.seen else 1):
                    event = stream.event()
                    if event is None:
                        break
                    (self.seen if event[0] == "message" else self.other).append(event[1])
                    if event[1] == self.last:
                        break
                after = stream.id
                stream.close()
        except Exception as error:  # told by the test's own thread
            self.error = error


def start_reading(readers):
    """From here on each has a place, and what it gets does not depend on when it came."""
    for reader in readers:
        reader.start()
    wait_for(lambda: all(reader.seen or reader.error for reader in readers), 30, "every reader to begin")


def write_torn(writer, rng, lines, until_pause):
    """Every line in one or more writes; now and then the file is renamed, in the middle of a line too."""
    for line in lines:
        at = 0
        while at < len(line):
            size = rng.choice((len(line), rng.randrange(1, len(line) + 1)))
            writer.write(line[at:at + size])
            at += size
            if rng.random() < 0.02:
                time.sleep(TICK)
                if os.path.exists(writer.path):
                    writer.rename()
                if at >= len(line) or rng.random() < 0.5:
                    writer.write(line[at:])
                    at = len(line)
                    writer.close()
            if rng.random() < until_pause:
                time.sleep(0.002)
        if writer.file is not None and not os.path.exists(writer.path):
            writer.close()  # the torn line is whole: go on in a new file


def run_flapping(reeve, folder, readers, count):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    rng = random.Random(seed)
    writer = start(reeve, folder)
    writer.open()
    lines = [json.dumps({"n": n, "text": "x" * rng.choice((0, 10, 200, 3000))}).encode() + b"\n" for n in range(count)]
    last = lines[-1][:-1]
    threads = [Flapping(reeve, rng.random(), last) for _ in range(readers)]
    writer.write(lines[0])
    start_reading(threads)
    write_torn(writer, rng, lines[1:], 0.2)
    for thread in threads:
        thread.join(60 * SLACK)
    expected = [line[:-1] for line in lines]
    for thread in threads:
        assert not thread.is_alive() and thread.error is None, thread.error
        assert thread.other == []
        assert thread.seen == expected
    assert writer.rotated > 3 and sum(thread.connects for thread in threads) > 3 * readers
    return writer


def test_readers_that_come_and_go(reeve, folder):
    run_flapping(reeve, folder, 20, 1500)


def test_reader_far_behind(reeve, folder):
    """Two renames while it was away, and another gate than the one it knew."""
    writer = start(reeve, folder)
    writer.write(b"1\n2\n")
    stream = Stream(reeve)
    assert stream.lines(2) == [b"1", b"2"]
    stream.close()
    reeve.kill_gates()
    for line in (b"3\n", b"4\n", b"5\n"):
        writer.write(line)
        writer.rename()
        writer.close()
        time.sleep(TICK)
    writer.write(b"6\n")
    again = Stream(reeve, after=stream.id)
    assert again.lines(4) == [b"3", b"4", b"5", b"6"]
    again.close()


def test_killed_gates(reeve, folder):
    """Readers whose gate is killed come back and miss nothing."""
    writer = start(reeve, folder)
    writer.open()
    lines = [b"%d\n" % n for n in range(600)]
    threads = [Flapping(reeve, n, b"599") for n in range(10)]
    for thread in threads:
        thread.random = random.Random(0)
        thread.random.choice = lambda counts: 10**9  # leaves only when its gate does
    writer.write(lines[0])
    start_reading(threads)
    for n, line in enumerate(lines[1:], 1):
        writer.write(line)
        if n in (150, 300, 450):
            for gate in reeve.gates():
                os.kill(gate, signal.SIGKILL)
        time.sleep(0.002)
    for thread in threads:
        thread.join(60 * SLACK)
        assert not thread.is_alive() and thread.error is None, thread.error
        assert thread.other == [] and thread.seen == [line[:-1] for line in lines]
        assert thread.connects > 1


# --- files that are cut ------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", (False, True))
def test_truncation(reeve, folder, copied):
    writer = start(reeve, folder)
    writer.write(b"1\n2\n3\n")
    streams = open_streams(reeve, 4)
    for stream in streams:
        assert stream.lines(3) == [b"1", b"2", b"3"]
    before = {stream.id for stream in streams}
    assert len(before) == 1
    if copied:
        (folder / "events.jsonl.1").write_bytes(writer.path.read_bytes())
    os.truncate(writer.path, 0)
    writer.write(b"torn")
    writer.write(b" no more\n5\n")
    for stream in streams:
        assert stream.named("reset") == {"from": before.copy().pop(), "reason": "truncated"}
        assert stream.lines(2) == [b"torn no more", b"5"]
    # one who comes back with a place that is no more
    late = Stream(reeve, after=before.copy().pop())
    assert late.named("reset")["from"] == before.copy().pop()
    assert late.lines(2) == [b"torn no more", b"5"]
    for stream in (*streams, late):
        stream.close()


def test_ids_of_no_place(reeve, folder):
    writer = start(reeve, folder)
    writer.write(b"1\n2\n")
    for given, reason in (("nonsense", "unknown"), ("\"<&\\", "unknown"), ("abc:2:3", "gone"), ("1:2", "unknown")):
        stream = Stream(reeve, after=given)
        assert stream.named("reset") == {"from": given, "reason": reason}
        assert stream.lines(2) == [b"1", b"2"]
        stream.close()
    stream = Stream(reeve)
    stream.lines(2)
    generation, offset, check = stream.id.split(":")
    stream.close()
    stream = Stream(reeve, after=f"{generation}:{offset}:{int(check, 16) ^ 1:x}")
    assert stream.named("reset")["reason"] == "changed"
    stream.close()


# --- files that are not there ------------------------------------------------------------------------------


def test_missing_at_first(reeve, folder):
    start(reeve, folder, keys=", wait: 20s", file="{id}/events.jsonl", path="/i/{id}/events")
    stream = Stream(reeve, "/i/a1/events")
    assert stream.status == 200
    (folder / "a1").mkdir()
    writer = Writer(folder / "a1/events.jsonl")
    writer.write(b"1\n")
    assert stream.lines(1) == [b"1"]
    stream.close()


def test_timeout(reeve, folder):
    start(reeve, folder, keys=", wait: 1s, heartbeat: 100ms")
    began = time.monotonic()
    stream = Stream(reeve)
    assert stream.named("timeout") == {"waited_ms": 1000}
    assert time.monotonic() - began > 0.9
    assert stream.comments > 1
    stream.over()


def test_unreadable(reeve, folder):
    """For gates a file that they may not read is not there, but that is told."""
    (folder / "events.jsonl").write_text("secret\n")
    (folder / "events.jsonl").chmod(0)
    reeve.start(f"""
routes:
  - {{path: /events, events: {{file: "{folder}/events.jsonl", wait: 2s}}}}
  - {{path: /patient, events: {{file: "{folder}/events.jsonl", wait: 100s}}}}
""", workers=1)
    stream = Stream(reeve)
    assert stream.named("timeout") == {"waited_ms": 2000, "error": "Permission denied"}
    wait_for(lambda: "an event file cannot be read" in reeve.log(), what="the log to name it")
    stream = Stream(reeve, "/patient")
    (folder / "events.jsonl").chmod(0o644)
    assert stream.lines(1) == [b"secret"]
    stream.close()


def test_a_link_is_told(reeve, folder):
    """It is not followed; the stream only timed out, and neither it nor the log said why."""
    (folder / "other.jsonl").write_text("other\n")
    (folder / "events.jsonl").symlink_to("other.jsonl")
    start(reeve, folder, keys=", wait: 1s", workers=1)
    stream = Stream(reeve)
    assert "symbolic link" in stream.named("timeout")["error"]
    stream.over()
    wait_for(lambda: "what is in the place of an event file is not read" in reeve.log(), what="the log to name it")
    (folder / "events.jsonl").unlink()
    (folder / "other.jsonl").rename(folder / "events.jsonl")
    stream = Stream(reeve)
    assert stream.lines(1) == [b"other"]
    stream.close()


def test_what_is_reeves_own_is_told(reeve):
    """A pattern that reaches the configuration's files beside its own; who names one without a pattern means it."""
    folder = reeve.folder
    folder.chmod(0o755)
    (folder / "vars").write_text("SECRET=x\n")
    (folder / "job").write_text("one\n")
    reeve.start("""
log: {access: access.log}
services: {web: {command: [sleep, '1000'], listen: none, env_file: vars}}
routes:
  - {path: "/of/{id}", events: {file: "./{id}", wait: 1s}}
  - {path: /access, events: {file: ./access.log}}
""", workers=1)
    stream = Stream(reeve, "/of/vars")
    assert "reeve's own" in stream.named("timeout")["error"]
    stream.over()
    wait_for(lambda: "the file is reeve's own" in reeve.log(), what="the log to name it")
    stream = Stream(reeve, "/of/job")
    assert stream.lines(1) == [b"one"]
    stream.close()
    (folder / "access.log").chmod(0o644)
    stream = Stream(reeve, "/access")
    assert b"/of/vars" in stream.lines(1)[0]
    stream.close()


def test_bad_names(reeve, folder):
    start(reeve, folder, file="{id}/events.jsonl", path="/i/{id}/events")
    (folder / ".hidden").mkdir()
    (folder / "x").mkdir()
    (folder / "x/events.jsonl").write_text("secret\n")
    for name in ("..", ".hidden", "%2e%2e", "..%2fdata", "a%2fb", "%252e", "-a", "a" * 65, "a%00b", "%C3%A4"):
        assert reeve.get(f"/i/{name}/events")[0] in (400, 404), name
    os.symlink(folder / "x", folder / "y")
    for name in ("y",):  # a link is no folder: nothing comes of it
        stream = Stream(reeve, f"/i/{name}/events")
        assert stream.line() == b": reeve"
        stream.close()
    stream = Stream(reeve, "/i/x/events")
    assert stream.lines(1) == [b"secret"]
    stream.close()


def test_folder_is_checked(reeve, folder):
    reeve.configure(f"routes: [{{path: /e, events: {{file: {folder}/none/events.jsonl}}}}]\n")
    done = reeve.verb("check", check=False)
    assert done.returncode == 2 and "events.file" in done.stderr and "make this folder first" in done.stderr
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    reeve.configure(f"routes: [{{path: /e, events: {{file: {closed}/events.jsonl}}}}]\n")
    done = reeve.verb("check", check=False)
    if os.geteuid() == 0:
        assert done.returncode == 2 and "cannot be read by user" in done.stderr
    reeve.configure(f"routes: [{{path: '/e/{{id}}', events: {{file: '{folder}/{{other}}/events.jsonl'}}}}]\n")
    done = reeve.verb("check", check=False)
    assert done.returncode == 2 and "{other} is captured by neither" in done.stderr


# --- the end of a target -----------------------------------------------------------------------------------

def wait_until_over(reeve, after, path="/events"):
    """204: each gate hears of the end by itself, and the one that is asked may not be the one that told it."""
    def is_over():
        stream = Stream(reeve, path, after=after)
        stream.close()
        return stream.status == 204
    wait_for(is_over, what="the end to be known")


JOB = """
import os, sys, time
file = open(sys.argv[1], "a")
for n in range(int(sys.argv[2])):
    file.write("line %d\\n" % n)
    file.flush()
while not os.path.exists(sys.argv[3]):
    time.sleep(0.01)
file.write("last words\\n")
file.flush()
file.write("unfinished")
file.flush()
os._exit(int(sys.argv[4]))
"""


def start_job(reeve, folder, code=0, lines=3):
    (folder / "job.py").write_text(JOB)
    folder.chmod(0o777)
    reeve.start(f"""
services:
  job:
    command: [{PYTHON}, {folder}/job.py, {folder}/events.jsonl, "{lines}", {folder}/go, "{code}"]
    restart: never
    listen: none
routes:
  - {{path: /events, events: {{file: {folder}/events.jsonl, target: job}}}}
""", workers=2)
    return lambda: (folder / "go").touch()


@pytest.mark.parametrize("code", (0, 7))
def test_end_of_target(reeve, folder, code):
    finish = start_job(reeve, folder, code)
    streams = open_streams(reeve, 4)
    for stream in streams:
        assert stream.lines(3) == [b"line 0", b"line 1", b"line 2"]
    wait_for(lambda: [row["target"] for row in json.loads(reeve.verb("connections", "--json").stdout)["connections"]]
             == ["job"] * 4, 20, "all to be listed with their target")
    finish()
    for stream in streams:
        assert stream.lines(1) == [b"last words"]
        end = stream.named("end")
        assert end["target"] == "job" and end["state"] == ("failed" if code else "ended")
        assert end["cause"]["kind"] == "exit" and end["cause"]["code"] == code and end["unfinished_bytes"] == 10
        stream.over()
    ids = {stream.id for stream in streams}
    assert len(ids) == 1
    for _ in range(4):
        wait_until_over(reeve, ids.copy().pop())
    # an hour later, and after another start of all gates
    reeve.kill_gates()
    for _ in range(4):
        late = Stream(reeve)
        assert late.lines(4) == [b"line 0", b"line 1", b"line 2", b"last words"]
        assert late.named("end")["state"] == end["state"]
        late.over()
    wait_until_over(reeve, ids.copy().pop())


def test_end_without_a_file(reeve, folder):
    reeve.start(f"""
services: {{job: {{command: ["true"], restart: never, listen: none}}}}
routes: [{{path: /events, events: {{file: {folder}/events.jsonl, target: job}}}}]
""")
    reeve.wait_state("job", "ended")
    wait_for(lambda: Stream(reeve).event()[0] == "end", what="the end to be known to the gate")
    stream = Stream(reeve)
    assert stream.named("end")["state"] == "ended"
    stream.over()
    wait_until_over(reeve, stream.id)


INSTANCE = """
import os, sys, time
with open(os.environ["REEVE_INSTANCE_DIR"] + "/events.jsonl", "a") as file:
    for n in range(3):
        file.write("%s %d\\n" % (sys.argv[1], n))
        file.flush()
        time.sleep(0.05)
    file.write("done\\n")
"""


def test_instances(reeve, folder):
    """Each has a file and an end of its own; one that was never made is 404, one that was removed says so."""
    (folder / "job.py").write_text(INSTANCE)
    reeve.start(f"""
templates: {{job: {{command: [{PYTHON}, {folder}/job.py, "${{id}}"], restart: never, listen: none}}}}
routes: [{{path: "/jobs/{{id}}/events", events: {{file: "${{instance_dir}}/events.jsonl", target: "job/{{id}}"}}}}]
""", workers=2)
    assert reeve.get("/jobs/never-made/events")[0] == 404
    for name in ("a1", "b2"):
        reeve.verb("create", "job", name)
    streams = {name: Stream(reeve, f"/jobs/{name}/events") for name in ("a1", "b2")}
    for name, stream in streams.items():
        assert stream.lines(4) == [f"{name} {n}".encode() for n in range(3)] + [b"done"]
        assert stream.named("end")["state"] == "ended"
        stream.over()
        wait_until_over(reeve, stream.id, f"/jobs/{name}/events")
    late = Stream(reeve, "/jobs/a1/events")
    assert late.lines(4)[-1] == b"done"
    late.close()
    reeve.verb("rm", "job/a1")
    wait_for(lambda: reeve.get("/jobs/a1/events", method="HEAD")[0] == 404, what="the instance to be gone")
    assert reeve.get("/jobs/b2/events", method="HEAD")[0] == 200


def test_instance_removed_while_read(reeve, folder):
    reeve.start(f"""
templates:
  job: {{command: [sh, -c, "echo one >> $REEVE_INSTANCE_DIR/events.jsonl; exec sleep 1000"], listen: none}}
routes: [{{path: "/jobs/{{id}}/events", events: {{file: "${{instance_dir}}/events.jsonl", target: "job/{{id}}"}}}}]
""")
    reeve.verb("create", "job", "a1")
    stream = Stream(reeve, "/jobs/a1/events")
    assert stream.lines(1) == [b"one"]
    reeve.verb("rm", "job/a1")
    assert stream.named("end")["state"] in ("gone", "down")
    stream.over()


# --- how it is answered ------------------------------------------------------------------------------------


def test_head_and_methods(reeve, folder):
    writer = start(reeve, folder)
    writer.write(b"1\n")
    status, fields, body = reeve.get("/events", method="HEAD")
    assert (status, fields["Content-Type"], body) == (200, "text/event-stream", b"")
    for method in ("POST", "PUT", "DELETE"):
        status, fields, _ = reeve.get("/events", method=method)
        assert (status, fields["Allow"]) == (405, "GET, HEAD")
    stream = Stream(reeve)
    assert stream.fields["Cache-Control"] == "no-store, no-transform"
    assert stream.fields["X-Accel-Buffering"] == "no"
    assert stream.line() == b": reeve"
    stream.close()


def test_http10(reeve, folder):
    writer = start(reeve, folder)
    writer.write(b"1\n")
    stream = Stream(reeve, version="HTTP/1.0")
    assert "Transfer-Encoding" not in stream.fields
    assert stream.lines(1) == [b"1"]
    writer.write(b"2\n")
    assert stream.lines(1) == [b"2"]
    stream.close()


def test_from_end(reeve, folder):
    writer = start(reeve, folder, keys=", from: end")
    writer.write(b"1\n2\n")
    stream = Stream(reeve)
    while stream.id is None:  # its place comes first
        line = stream.line()
        if line.startswith(b"id: "):
            stream.id = line[4:].decode()
    stream.close()
    writer.write(b"3\n")
    again = Stream(reeve, after=stream.id)  # nothing was missed
    assert again.lines(1) == [b"3"]
    fresh = Stream(reeve)
    fresh.line()
    writer.write(b"4\n")
    assert again.lines(1) == [b"4"]
    assert fresh.lines(1) == [b"4"]
    again.close()
    fresh.close()


def test_bytes(reeve, folder):
    """What a line is made of passes as it is, but for what the format cannot carry (docs/events.md)."""
    writer = start(reeve, folder)
    lines = [b'{"a": 1}', b"", b"  two spaces", b"data: x", b": c", b"\xff\xfe", b"\xe2\x80\xa8", b"a\0b", b"x" * 100000]
    writer.write(b"\n".join(lines) + b"\ncrlf\r\na\rb\n\0\0\0after a hole\n")
    stream = Stream(reeve)
    assert stream.lines(len(lines) + 3) == lines + [b"crlf", b"a\nb", b"after a hole"]
    stream.close()


def long_line(size):
    head, end = b'{"type": "long", "text": "', b'"}'
    text = b"%d characters, every so often another " % size
    return head + (text * (size // len(text) + 1))[:size - len(head) - len(end)] + end


@pytest.mark.parametrize("version", ("HTTP/1.1", "HTTP/1.0"))
def test_long_lines(reeve, folder, version):
    """Lines have no limit (docs/events.md): 16 MiB and a byte more are as good as any, torn and whole, by name or not."""
    writer = start(reeve, folder, keys=", event: type")
    lines = [long_line((16 << 20) + more) for more in (0, 1)]
    writer.write(b'{"type": "short"}\n')
    live, picky = (Stream(reeve, path, version=version, timeout=60 * SLACK) for path in ("/events", "/events?type=short"))
    assert live.event()[:2] == picky.event()[:2] == ("short", b'{"type": "short"}')
    for line in lines:
        for at in range(0, len(line), 5_000_001):
            writer.write(line[at:at + 5_000_001])
        writer.write(b"\n")
    writer.write(b'{"type": "end"}\n')  # a name that is taken: without one
    writer.write(b'{"type": "short", "n": 2}\n')
    places = [None]
    for line in lines:
        name, data, place = live.event()
        assert (name, len(data)) == ("long", len(line)) and data == line
        places.append(place)
    assert live.event()[:2] == ("message", b'{"type": "end"}')
    assert picky.event()[:2] == ("short", b'{"type": "short", "n": 2}')
    late = Stream(reeve, version=version, timeout=60 * SLACK)
    assert late.event()[0] == "short" and [late.event()[1] for _ in lines] == lines
    between = Stream(reeve, after=places[1], version=version, timeout=60 * SLACK)
    assert between.event()[1] == lines[1]
    for stream in (live, picky, late, between):
        stream.close()


# --- goodbye -----------------------------------------------------------------------------------------------


def test_sigterm(reeve, folder):
    writer = start(reeve, folder)
    writer.write(b"1\n")
    streams = open_streams(reeve, 100)
    for stream in streams:
        assert stream.lines(1) == [b"1"]
    began = time.monotonic()
    reeve.process.send_signal(signal.SIGTERM)
    retries = set()
    for stream in streams:
        retries.add(stream.named("bye")["retry_ms"])
        assert stream.retry in retries
        stream.over()
    assert reeve.process.wait(30 * SLACK) == 0
    assert time.monotonic() - began < 5 * SLACK
    assert len(retries) > 20  # not all come back at the same time


def test_killed_and_silent_clients_end_with_reeve(reeve, folder):
    """A client that takes nothing is cut, not waited for."""
    writer = start(reeve, folder)
    writer.write((b"x" * 1000 + b"\n") * 20000)
    streams = open_streams(reeve, 10)
    began = time.monotonic()
    reeve.process.send_signal(signal.SIGTERM)
    assert reeve.process.wait(30 * SLACK) == 0
    assert time.monotonic() - began < 10 * SLACK
    for stream in streams:
        stream.close()


# --- what it costs -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def traced(pid, file):
    """strace of the calls that read files and watch them."""
    tracer = subprocess.Popen(["strace", "-qq", "-p", str(pid), "-o", file, "-e", "trace=pread64,inotify_add_watch"],
                              stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: kernel.status(pid)["TracerPid"] != "0", what="strace to be attached")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=120)


def count_reads(reeve, folder, readers, appends, rate):
    writer = Writer(folder / "events.jsonl")
    streams = open_streams(reeve, readers)
    for stream in streams:
        stream.lines(1)
    gate, = reeve.gates()
    trace = reeve.folder / f"trace-{readers}"
    with traced(gate, trace):
        for n in range(appends):
            writer.write(b"%d\n" % n)
            time.sleep(1 / rate)
        for stream in streams:
            stream.lines(appends)
    for stream in streams:
        stream.close()
    text = trace.read_text()
    return text.count("pread64("), text.count("inotify_add_watch(")


def test_reads_do_not_depend_on_readers(make_reeve):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, limit[1]), limit[1]))
    counts = {}
    for readers in (1, 500):
        reeve = make_reeve()
        folder = reeve.folder / "data"
        folder.mkdir(mode=0o755)
        writer = start(reeve, folder, workers=1)
        writer.write(b"first\n")
        counts[readers] = count_reads(reeve, folder, readers, 50, 20)
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    print(counts)
    for reads, watches in counts.values():
        assert 0 < reads <= 50 and watches == 0
    # Appends that come faster are read together.
    reeve = make_reeve()
    folder = reeve.folder / "data"
    folder.mkdir(mode=0o755)
    writer = start(reeve, folder, workers=1)
    writer.write(b"first\n")
    reads, _ = count_reads(reeve, folder, 5, 1000, 2000)
    assert reads <= 1000


def test_stalled_client(reeve, folder):
    """It costs the gate no memory worth speaking of, and the others nothing."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"  # what is freed is free
    writer = start(reeve, folder, workers=1, environment={"ASAN_OPTIONS": options})
    writer.write(b"first\n")
    gate, = reeve.gates()
    stalled = open_streams(reeve, 50)
    quick = Stream(reeve)
    quick.lines(1)
    for _ in range(3):
        writer.write((b"x" * 999 + b"\n") * 1000)
        quick.lines(1000)
    before = resident(gate)
    for _ in range(17):
        writer.write((b"x" * 999 + b"\n") * 1000)
        quick.lines(1000)
    grown = (resident(gate) - before) / len(stalled)
    print(f"{grown / 1024:.1f} KiB more for each stalled client after 17 MB")
    assert grown < 64 * 1024
    for stream in stalled[:2]:
        assert stream.lines(20001)[-1] == b"x" * 999
    for stream in (quick, *stalled):
        stream.close()


def resident(pid):
    return int(re.search(r"VmRSS:\s*(\d+)", open(f"/proc/{pid}/status").read())[1]) * 1024


def test_inotify_used_up(reeve, folder):
    """No descriptor is left for it: the file is looked at, and watched when one can be had again."""
    limit = 64
    reeve.configure(f"routes: [{{path: /events, events: {{file: {folder}/events.jsonl}}}}]\n", workers=1)
    reeve.spawn("prlimit", f"--nofile={limit}:{limit}")
    wait_for(reeve.serving, 20, "reeve to serve")
    writer = Writer(folder / "events.jsonl")
    writer.write(b"1\n")
    gate, = reeve.gates()
    with contextlib.ExitStack() as clients:

        def accepted():
            """One connection more, which the gate has a descriptor for."""
            open_now = len(kernel.descriptors(gate))
            client = clients.enter_context(socket.create_connection(("127.0.0.1", reeve.port), timeout=120))
            wait_for(lambda: len(kernel.descriptors(gate)) > open_now, what="the gate to accept")
            return client

        stream, idle = accepted(), []
        while len(kernel.descriptors(gate)) < limit - 2:  # for the folder and the file
            idle.append(accepted())
        stream.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read = b""

        def wait_for_line(line):
            nonlocal read
            while b"data: " + line + b"\n" not in read:
                more = stream.recv(4096)
                assert more, f"ended without {line!r}: {read!r}"
                read += more

        wait_for_line(b"1")
        writer.write(b"2\n")
        wait_for_line(b"2")
        wait_for(lambda: '"degraded"' in reeve.log(), what="the trouble to be told")
        for client in idle:
            client.close()
        wait_for(lambda: '"healed"' in reeve.log(), what="it to be over")
        writer.write(b"3\n")
        wait_for_line(b"3")
