"""How it is measured: loads, the time on a CPU that a server's processes took meanwhile, and their memory."""
import contextlib
import http.client
import os
import pathlib
import statistics
import subprocess
import time

from servers import BUILD, start

TERMINAL_OWNERS = ("reeve-hold\n", "tmux: server\n", "tmux\n")
TERMINAL_SECONDS, TERMINAL_SETTLES = 60, 0.3
COLD_SECONDS = 10


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:  # it has ended meanwhile
        return ""


def processes(root):
    """The process and all its descendants."""
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        after_name = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if after_name:
            children.setdefault(int(after_name[1]), []).append(int(pid))
    found, todo = [root], [root]
    while todo:
        mine = children.get(todo.pop(), [])
        found += mine
        todo += mine
    return found


def cpu_us(pids):
    """Time on a CPU, user and system, of all their threads (/proc/PID/task/TID/schedstat has it in nanoseconds)."""
    return sum(int(read(task / "schedstat").split()[0] or 0) / 1000
               for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").glob("*"))


def private_kib(pid):
    """Memory that is this process's alone and written to."""
    return sum(int(line.split()[1]) for line in read(f"/proc/{pid}/smaps_rollup").splitlines()
               if line.startswith("Private_Dirty:"))


def terminal_outputs():
    """What programs write: {name: bytes to repeat}."""
    text = "".join(f"{number:6}  The quick brown fox jumps over the lazy dog, again and again and again.\r\n" for number in range(500))
    colours = "".join(f"\x1b[1;3{number % 8}m{number:6}\x1b[0m \x1b[38;5;{number % 256}mquick\x1b[39m brown \x1b[7mfox\x1b[27m jumps\x1b[K\r\n"
                      for number in range(500))
    screens = "".join(f"\x1b[{number % 40 + 1};1H\x1b[2K\x1b[32m│\x1b[m Größe {number} 漢字 ✓ \x1b[{number % 60 + 20}G█▌" for number in range(500))
    return [(name, every.encode()) for name, every in (("text", text), ("colours", colours), ("screens", screens))]


def terminal_rate(bench, kind, file):
    """MB of the file's bytes for each second of CPU of the process that owns the terminal."""
    go, done = file.parent / "go", file.parent / "done"
    done.unlink(missing_ok=True)
    go.unlink(missing_ok=True)
    os.mkfifo(go)
    server = bench.start(kind, terminal=f"cat {go}; cat {file}; : > {done}; exec sleep 1d")
    with open(go, "wb"):  # the program has opened it, too
        owner = next(pid for pid in processes(server.process.pid) if read(f"/proc/{pid}/comm") in TERMINAL_OWNERS)
        before = cpu_us([owner])
    deadline = time.monotonic() + TERMINAL_SECONDS
    while not done.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{kind.name} does not take the output")
        time.sleep(0.02)
    time.sleep(TERMINAL_SETTLES)
    rate = file.stat().st_size / (cpu_us([owner]) - before)
    server.stop()
    return rate


def wait_for_holds(server, count):
    """The pids of reeve's holds, once `count` of them keep a program."""
    deadline = time.monotonic() + 10 + count / 10
    while time.monotonic() < deadline:
        family = processes(server.process.pid)
        holds = [pid for pid in family if read(f"/proc/{pid}/comm") == "reeve-hold\n"]
        if len(holds) == sum(read(f"/proc/{pid}/comm") == "sleep\n" for pid in family) == count:
            return holds
        time.sleep(0.02)
    raise RuntimeError(f"reeve does not keep {count} programs")


def cold_share_ms(server, path, notes):
    """How much longer one GET of a path took than the program behind it needed from its first instruction to its listener."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=COLD_SECONDS)
    with contextlib.closing(connection):
        connection.connect()
        before = time.monotonic()
        connection.request("GET", path)
        status = connection.getresponse().status
        waited = time.monotonic() - before
    if status != 200:
        raise RuntimeError(f"a cold start has failed: {status}")
    began, listening = map(int, read(notes).split())
    return waited * 1000 - (listening - began) / 1000


class Load:
    """bench-load against one server: {path, connections, seconds, size, count}, see bench/load.c."""

    def __init__(self, server, cpu, path, connections, seconds, message=()):
        command = [BUILD / "bench/bench-load", server.port, path, connections, seconds, *message]
        self.process = start([str(word) for word in command], cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("begin")

    def expect(self, word):
        words = self.process.stdout.readline().split()
        if not words or words[0] != word:
            raise RuntimeError("the load has failed")
        return words

    def end(self):
        """How many answers came."""
        return int(self.expect("end")[1])

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class EventsLoad(Load):
    """bench-events against one server: so many readers, so many events a second."""

    def __init__(self, server, cpu, readers, seconds, rate):
        command = [BUILD / "bench/bench-events", server.port, server.stream, readers, seconds, rate, *server.publish]
        self.process = start([str(word) for word in command], cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("begin")


class EventsSample:
    """CPU for each event that came to a reader, and how long after it was published, in microseconds."""

    def __init__(self, server, cpu, seconds, readers, rate):
        pids = processes(server.process.pid)
        load = EventsLoad(server, cpu, readers, seconds, rate)
        try:
            before = cpu_us(pids)
            _, count, self.p50_us, self.p99_us = map(float, ["nan", *load.expect("end")[1:]])
            self.cpu_us = (cpu_us(pids) - before) / count
        finally:
            load.stop()
        self.share = count / (readers * rate * seconds)


class Sample:
    def __init__(self, server, cpu, seconds, work):
        pids = processes(server.process.pid)
        load = Load(server, cpu, work["path"], work["connections"], seconds, work.get("message", ()))
        try:
            before = cpu_us(pids)
            answers = load.end()
            self.cpu_us = (cpu_us(pids) - before) / answers
        finally:
            load.stop()
        self.per_second = answers / seconds


def pairs(servers, cpu, count, seconds, work):
    """{server: [Sample]}: one after the other, `count` times over."""
    samples = {server: [] for server in servers}
    for _ in range(count):
        for server in servers:
            samples[server].append(Sample(server, cpu, seconds, work))
    return samples


def ratios(ours, theirs, value=lambda sample: sample.cpu_us):
    """Median, lowest, highest of the ratios of samples that were taken side by side."""
    each = [value(a) / value(b) for a, b in zip(ours, theirs)]
    return statistics.median(each), min(each), max(each)


def events_pairs(servers, cpu, count, *work):
    """{server: [EventsSample]}: one after the other, `count` times over."""
    samples = {server: [] for server in servers}
    for _ in range(count):
        for server in servers:
            samples[server].append(EventsSample(server, cpu, *work))
    return samples


def idle_events_bytes(server, cpu, few, many):
    """Growth of private memory per reader of an event stream that has had one event and is idle now."""
    def open_and_look(readers):
        load = EventsLoad(server, cpu, readers, 0, 20)
        kib = sum(private_kib(pid) for pid in processes(server.process.pid))
        return load, kib
    first, before = open_and_look(few)
    second, after = open_and_look(many)
    second.stop()
    first.stop()
    return (after - before) * 1024 / many


def idle_relay_bytes(server, cpu, few, many):
    """Growth of private memory per relayed WebSocket that has echoed one message and is idle now."""
    def open_and_look(connections):
        load = Load(server, cpu, "/ws", connections, 0, (64, 1))
        kib = sum(private_kib(pid) for pid in processes(server.process.pid))
        return load, kib
    first, before = open_and_look(few)
    second, after = open_and_look(many)
    second.stop()
    first.stop()
    return (after - before) * 1024 / many
