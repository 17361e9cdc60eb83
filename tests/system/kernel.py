"""What the kernel says about processes and sockets: the tests' own view, not reeve's; and a network of its own."""
import collections
import contextlib
import os
import pathlib
import re
import signal
import subprocess

GONE = (FileNotFoundError, ProcessLookupError)
Socket = collections.namedtuple("Socket", "local remote state inode")
LISTEN, ESTABLISHED, TIME_WAIT = 0x0A, 0x01, 0x06


def stat(pid):
    """Fields of /proc/PID/stat from the third on (state, parent, group, session ...), or None."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except GONE:
        return None


def alive(pid):
    fields = stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def parent(pid):
    return int(stat(pid)[1])


def session(pid):
    return int(stat(pid)[3])


def start_time(pid):
    fields = stat(pid)
    return int(fields[19]) if fields else None


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def environment(pid):
    """NAME -> value; None when the process has gone or cannot be looked into."""
    with contextlib.suppress(OSError):
        items = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
        return dict(item.split("=", 1) for item in items if "=" in item)
    return None


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descriptors(pid):
    """Number -> what it is open on."""
    found = {}
    with contextlib.suppress(*GONE):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(*GONE):
                found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found


def socket_inodes(pid):
    return {int(found[1]) for found in map(re.compile(r"socket:\[(\d+)]").fullmatch, descriptors(pid).values())
            if found}


def tcp_sockets(state=None):
    """All TCP sockets of this network namespace; addresses as (hexadecimal address, port)."""
    rows = []
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            ends = [(address, int(port, 16)) for address, port in (fields[i].split(":") for i in (1, 2))]
            rows.append(Socket(*ends, int(fields[3], 16), int(fields[9])))
    return [row for row in rows if state in (None, row.state)]


def private_dirty_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Private_Dirty:\s+(\d+) kB", text, re.M)[1])


def kill(pid, number=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@contextlib.contextmanager
def lan(address):
    """A network of the test's own with an address that is not loopback; yields the command that enters it."""
    root = os.geteuid() == 0
    holder = subprocess.Popen(["unshare", *([] if root else ["--map-root-user"]), "--net", "sh", "-c",
                               f"ip link set lo up && ip address add {address}/32 dev lo && echo up && exec sleep 600"],
                              stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "up\n"
        user = [] if root else [f"--user=/proc/{holder.pid}/ns/user", "--preserve-credentials"]
        yield ["nsenter", *user, f"--net=/proc/{holder.pid}/ns/net"]
    finally:
        holder.kill()
        holder.wait()
