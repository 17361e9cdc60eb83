"""Event streams, and what becomes of jobs at a stop and a crash: asked of both forms of examples/service."""
import contextlib
import json
import os
import statistics
import subprocess
import time

import kernel
from conftest import wait_for
from service_case import LONG, append, case, figure, quiet_job
from service_forms import Events


# 5. event streams

@case()
def each_line_in_order(form):
    form.create("order", lines=5, every=0.05)
    with contextlib.closing(Events(form, "order")) as reader:
        reader.wait(7)
        return [(json.loads(line)["event"], json.loads(line).get("number")) for line in reader.data()]


@case(python=2, reeve=1, why="a torn line waits for its newline")
def line_written_in_two_pieces(form):
    quiet_job(form, "torn")
    with contextlib.closing(Events(form, "torn")) as reader:
        reader.wait(1)
        append(form, "torn", b'{"half": ')
        deadline = time.monotonic() + (120 if form.kind == "python" else 2.5)  # longer than Python's period
        while len(reader.data()) == 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        append(form, "torn", b'"whole"}\n')
        wait_for(lambda: reader.data()[-1].endswith('"whole"}'), 20, "the rest")
        return len(reader.data()) - 1


@case(python="everything again", reeve="what is new", why="each event has an id, and a reader resumes behind it")
def reconnect(form):
    quiet_job(form, "again")
    append(form, "again", b'{"n": 1}\n{"n": 2}\n')
    with contextlib.closing(Events(form, "again")) as reader:
        last = reader.wait(3).events[-1].id
    append(form, "again", b'{"n": 3}\n')
    with contextlib.closing(Events(form, "again", last)) as reader:
        wait_for(lambda: '{"n": 3}' in reader.data(), 20, "the new line")
        return "what is new" if reader.data() == ['{"n": 3}'] else "everything again"


@case(python=(7, None, 200), reeve=(7, "end", 204), why="the stream says that it is over, and EventSource is told to stop; "
      "in Python it comes back for ever, and gets everything each time")
def job_that_has_ended(form):
    """What a late reader gets, the name of the last event, and the status of the reconnect."""
    form.create("ended", lines=5, every=0.01)
    wait_for(lambda: form.job_over("ended"), 30, "the job to end")
    with contextlib.closing(Events(form, "ended")) as reader:
        reader.to_end()
        name = reader.events[-1].name
        with contextlib.closing(Events(form, "ended", reader.events[-1].id)) as late:
            wait_for(lambda: late.status, 20, "an answer")
            return len(reader.data()), None if name == "message" else name, late.status


@case(python=("cut", None), reeve=("whole", "timeout"), why="after the wait the stream says so; Python opens the missing "
      "file and the connection breaks")
def file_that_never_comes(form):
    form.create("never", lines=1, delay=600)
    with contextlib.closing(Events(form, "never")) as reader:
        reader.to_end()
        return reader.over, reader.events[-1].name if reader.events else None


@case()
def file_that_comes_late(form):
    form.create("late", lines=1, every=0.01, delay=1.5)
    with contextlib.closing(Events(form, "late")) as reader:
        reader.wait(3)
        return [json.loads(line)["event"] for line in reader.data()]


@case(python=200, reeve=404, why="nobody waits for what nobody has made")
def unknown_job(form):
    with contextlib.closing(Events(form, "nothing-of-the-kind")) as reader:
        wait_for(lambda: reader.status, 20, "a status")
        return reader.status


@case(python=[], reeve=["reset"], why="a truncated file is told; Python waits silently behind its end")
def file_truncated(form):
    quiet_job(form, "cut")
    append(form, "cut", b'{"n": 1}\n' * 10)
    with contextlib.closing(Events(form, "cut")) as reader:
        reader.wait(11)
        os.truncate(form.instance_dir("cut") / "events.jsonl", 0)
        append(form, "cut", b'{"n": 2}\n')
        deadline = time.monotonic() + (LONG if form.kind == "python" else 120)
        while len(reader.events) < 13 and time.monotonic() < deadline:
            time.sleep(0.05)
        return [event.name for event in reader.events[11:] if event.name != "message"]


@case(python=False, reeve=True, why="a heartbeat shows both sides that the other is there")
def quiet_stream_shows_life(form):
    quiet_job(form, "quiet")
    with contextlib.closing(Events(form, "quiet")) as reader:
        before = reader.wait(1).comments
        deadline = time.monotonic() + (LONG if form.kind == "python" else 120)  # reeve.yaml says every 5 s
        while reader.comments == before and time.monotonic() < deadline:
            time.sleep(0.05)
        return reader.comments > before


@case()
def append_to_arrival(form):
    """Twenty readers, each line stamped by its writer."""
    form.create("stamped", lines=40, every=0.05, delay=1)
    readers = [Events(form, "stamped") for _ in range(20)]
    try:
        used = form.cpu()
        for reader in readers:
            reader.wait(42, 40)
        used = form.cpu() - used
        delays = sorted((event.at - json.loads(event.data)["time"]) * 1e3
                        for reader in readers for event in reader.events if event.name == "message")
        figure("append to arrival, 20 readers, p50 ms", form, f"{statistics.median(delays):.1f}")
        figure("append to arrival, 20 readers, p99 ms", form, f"{delays[len(delays) * 99 // 100]:.1f}")
        figure("… CPU for 20 readers × 42 events, ms", form, f"{used * 1e3:.1f}")
        return {len(reader.data()) for reader in readers}
    finally:
        for reader in readers:
            reader.close()


@case()
def idle_readers(form):
    """What fifty readers cost while nothing happens."""
    quiet_job(form, "idle")
    readers = [Events(form, "idle").wait(1) for _ in range(50)]
    try:
        used = form.cpu()
        time.sleep(LONG)
        figure("CPU of 50 idle readers, ms per s", form, f"{(form.cpu() - used) / LONG * 1e3:.1f}")
        return len(readers)
    finally:
        for reader in readers:
            reader.close()


# 7. orphans

@case(own=True, python=("waits for its readers", "nothing"), reeve=("ends", "bye"), why="open streams are told and ended; "
      "uvicorn waits until they end by themselves, and the code after `yield` runs only then")
def stop_with_an_open_stream(form):
    quiet_job(form, "open")
    reader = Events(form, "open").wait(1)
    started = time.monotonic()
    form.stop()
    with contextlib.suppress(subprocess.TimeoutExpired):
        form.process.wait(12 if form.kind == "python" else 120)
    ended = form.process.poll() is not None
    if ended:
        figure("stop with an open event stream, s", form, f"{time.monotonic() - started:.1f}")
        reader.to_end()
    else:
        figure("stop with an open event stream, s", form, "never")
    told = reader.events[-1].name if reader.events[1:] else "nothing"
    reader.close()
    return "ends" if ended else "waits for its readers", told


@case(own=True, python=True, reeve=False, why="what reeve keeps ends with it, unless it is `detached`")
def stop_leaves_children(form):
    quiet_job(form, "left")
    pid = form.job_pid("left")
    form.stop()
    form.process.wait(120)
    return kernel.alive(pid)


@case(own=True, python={"job": "lost", "terminal": "lost"}, reeve={"job": "runs on", "terminal": "runs on"},
      why="what is kept outlives a crash of what serves it, and is taken over by the next start")
def crash_and_restart(form):
    quiet_job(form, "kept")
    job = form.job_pid("kept")
    form.say("remember this")
    terminal = form.terminal_pid()
    started = time.monotonic()
    form.crash()
    form.launch()
    wait_for(form.answers, 30, "the service to answer again")
    figure("crash of all that serves and restart, gap in s", form, f"{time.monotonic() - started:.2f}")
    form.settle()
    for pid in job, terminal:
        wait_for(lambda pid=pid: not kernel.alive(pid) or form.kind == "reeve", 10, "the orphan cleanup")
    history = form.say("history")[0]
    return {"job": "runs on" if kernel.alive(job) else "lost",
            "terminal": "runs on" if "remember this" in history else "lost"}
