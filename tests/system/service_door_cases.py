"""Files, API, WebSocket relay, loops and port: what is asked of both forms of examples/service."""
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import time

import websockets

from conftest import PYTHON, wait_for
from service_case import LONG, case, figure, in_session


# 6. files and API proxy

@case()
def page(form):
    status, fields, body = form.request("/", fields={"Sec-Fetch-Mode": "navigate"})
    return status, fields.get_content_type(), b"<title>service</title>" in body


@case()
def deep_link(form):
    """A page of the single-page app's own."""
    status, fields, body = form.request("/jobs/17", fields={"Sec-Fetch-Mode": "navigate", "Accept": "text/html"})
    return status, fields.get_content_type(), b"<title>service</title>" in body


@case(python=(200, "text/html"), reeve=(404, "application/problem+json"), why="the fallback answers navigations only: a stale page that "
      "asks for a script of the last build must not get HTML for it")
def missing_script(form):
    status, fields, _ = form.request("/assets/app.3f2a.js", fields={"Sec-Fetch-Dest": "script"})
    return status, fields.get_content_type()


@case()
def api_answer(form):
    status, fields, body = form.request("/api/whoami")
    return status, fields["Content-Type"], sorted(json.loads(body))


@case()
def api_body_both_ways(form):
    sent = os.urandom(300_000)
    status, fields, body = form.request("/api/echo", "POST", sent, {"Content-Type": "application/x-thing"})
    return status, fields["Content-Type"], body == sent


@case()
def api_unknown_path(form):
    return form.request("/api/nothing")[::2]


@case(python={"named": False, "statuses": "500"}, reeve={"named": True, "statuses": "502 or 503"},
      why="whoever asks learns what happened and when to ask again; Python says Internal Server Error")
def api_killed(form):
    """What is said until it is back: the request that it died of, and those after it."""
    before, started = form.json("/api/whoami")["pid"], time.monotonic()
    refusals = [form.request("/api/crash", "POST", b"")]

    def back():
        answer = form.request("/api/whoami")
        if answer[0] != 200:
            refusals.append(answer)
        return answer[0] == 200 and json.loads(answer[2])["pid"] != before

    wait_for(back, 30, "the API to be back")
    figure("API killed: until it answers again, s", form, f"{time.monotonic() - started:.2f}")
    named = all(answer[1].get_content_type() == "application/problem+json" for answer in refusals)
    statuses = {answer[0] for answer in refusals}  # 503 alone is seen by who asks before the next run begins
    told = "502 or 503" if statuses <= {502, 503} else " ".join(map(str, sorted(statuses)))
    return {"named": named, "statuses": told}


# 4. WebSocket relay

@case()
def text_and_bytes(form):
    async def steps(terminal):
        await terminal.send("hello")
        text = await terminal.recv()
        await terminal.send(b"\0\xff" * 40_000)
        return terminal.subprotocol, text.split()[1], await terminal.recv() == b"\0\xff" * 40_000

    return in_session(form, steps)


@case(python="refused by the client", reeve=None, why="the subprotocol is the backend's answer, not a constant")
def no_subprotocol_asked_for(form):
    async def steps(terminal):
        return terminal.subprotocol

    try:
        return in_session(form, steps, protocols=())
    except websockets.InvalidHandshake:
        return "refused by the client"


@case(python=(1000, ""), reeve=(4000, "done here"), why="close codes and reasons are the backend's own")
def backend_closes(form):
    async def steps(terminal):
        await terminal.send("close 4000 done here")
        with contextlib.suppress(websockets.ConnectionClosed):
            await terminal.recv()
        return terminal.close_code, terminal.close_reason

    return in_session(form, steps)


@case(python="opened", reeve="not opened", why="101 follows the backend's own 101; that something accepts connections "
      "proves nothing. A client that takes `open` for success starts its back-off anew each time")
def backend_accepts_and_is_silent(form):
    pid = form.wake().terminal_pid()
    os.kill(pid, signal.SIGSTOP)

    async def dial():
        with contextlib.suppress(asyncio.TimeoutError, websockets.InvalidHandshake):
            async with form.socket(open_timeout=LONG):
                return "opened"
        return "not opened"

    try:
        return asyncio.run(dial())
    finally:
        os.kill(pid, signal.SIGCONT)


@case(python="several", reeve=1, why="one start, however many ask; in Python the others die of the taken port", own=True)
def starts_of_ten_at_once(form):
    async def dial():
        with contextlib.suppress(OSError, websockets.WebSocketException, asyncio.TimeoutError):
            async with form.socket(open_timeout=120) as terminal:
                await terminal.send("pid")
                await terminal.recv()

    async def all_at_once():
        await asyncio.gather(*[dial() for _ in range(10)])

    asyncio.run(all_at_once())
    enough, patience = (10, LONG) if form.kind == "reeve" else (2, 120)  # for those that come too late to be of use
    deadline = time.monotonic() + patience
    while (starts := len(form.starts.read_text().split())) < enough and time.monotonic() < deadline:
        time.sleep(0.05)
    figure("ten WebSockets to a cold backend: starts", form, str(starts))
    return starts if starts == 1 else "several"


@case()
def round_trip(form):
    async def steps(terminal):
        times = []
        for _ in range(300):
            started = time.perf_counter()
            await terminal.send(b"0" * 64)
            await terminal.recv()
            times.append(time.perf_counter() - started)
        return times

    times = in_session(form, steps)
    figure("64 bytes through the relay and back, p50 ms", form, f"{statistics.median(times) * 1e3:.2f}")
    return len(times)


# 2. and 3. loops

def passes(form):
    with contextlib.suppress(FileNotFoundError):
        return json.loads((form.data / "reconciled.json").read_text())["passes"]
    return 0


@case()
def reconcile_loop_runs(form):
    before = passes(form)
    wait_for(lambda: passes(form) >= before + 2, 20, "two more passes")
    return sorted(os.listdir(form.data / "there"))


@case(own=True, python=("never", "ok"), reeve=("within a minute", "ok"), why="a pass that fails is a failed pass; in Python "
      "its exception ends the loop, and nobody hears of it")
def loop_after_a_failed_pass(form):
    wait_for(lambda: passes(form), 20, "a first pass")
    (form.data / "wanted").rename(form.data / "away")
    time.sleep(LONG)
    (form.data / "away").rename(form.data / "wanted")
    before, again = passes(form), "never"
    deadline = time.monotonic() + (60 if form.kind == "reeve" else 3 * LONG)
    while again == "never" and time.monotonic() < deadline:
        again = "within a minute" if passes(form) > before else again
        time.sleep(0.1)
    return again, form.json("/health", known=False)["status"]


# 1. and 7. port, stop, crash

@case(own=True, python=("first ended", None), reeve=("first serves on", 3), why="a healthy instance is left alone")
def second_start(form):
    second = form.spawn()
    try:
        wait_for(lambda: second.poll() is not None or form.process.poll() is not None, 30, "one of the two to end")
        if form.kind == "python":
            wait_for(lambda: form.process.poll() is not None, 30, "the first to end")
            if second.poll() is not None:  # it gave the first a second, which was not enough
                second = form.spawn()
        if form.process.poll() is not None:
            wait_for(form.answers, 30, "the second to serve")
            return "first ended", second.poll()
        return "first serves on", second.wait(120)
    finally:
        second.kill()
        second.wait()


@case(own=True, python="killed", reeve="alive", why="only a listener that is a stale predecessor of ours is ended; `lsof -ti "
      ":PORT` names the clients of the port as well")
def client_of_the_port_at_a_restart(form):
    """A program that happens to be connected, while the service is restarted after a crash."""
    script = f"""import socket, time
connection = socket.create_connection(("127.0.0.1", {form.port}))
connection.sendall(b"GET /health HTTP/1.1\\r\\nHost: 127.0.0.1:{form.port}\\r\\n\\r\\n")
connection.recv(1)
print(flush=True)
time.sleep(600)"""
    with subprocess.Popen([PYTHON, "-c", script], stdout=subprocess.PIPE) as client:
        try:
            client.stdout.readline()
            form.crash()
            form.launch()
            form.settle()
            return "killed" if client.poll() is not None else "alive"
        finally:
            client.kill()


@case(own=True, python="killed", reeve="alive", why="a stranger is named (exit status 4) and left alone")
def stranger_on_the_port(form):
    form.crash()
    script = (f"import socket, time; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
              f"s.bind(('127.0.0.1', {form.port})); s.listen(); print(flush=True); time.sleep(600)")
    with subprocess.Popen([PYTHON, "-c", script], stdout=subprocess.PIPE) as stranger:
        stranger.stdout.readline()
        second = form.spawn()
        try:
            wait_for(lambda: second.poll() is not None or stranger.poll() is not None, 30, "one of the two to end")
            seen = "killed" if stranger.poll() is not None else "alive"
        finally:
            second.kill()
            second.wait()
            stranger.kill()
    form.launch()
    form.settle()
    return seen


