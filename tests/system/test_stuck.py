"""A reader that does not read, or that has gone, stops nobody."""
import contextlib
import os
import pathlib
import socket
import subprocess
import time

import kernel
from conftest import BIN, descriptors, program, wait_for

SERVICE = ("services: {{echo: {{command: [{echo}, --port, \"${{PORT}}\"]}}}}\n"
           "routes: [{{path: /*, to: echo}}]\n")


@contextlib.contextmanager
def full_pipe():
    """The write end of a pipe in which there is no room, as a blocking descriptor."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


def test_an_output_that_nobody_reads_stops_neither_keeper_nor_gate(reeve):
    reeve.configure(SERVICE.format(echo=program("echo.py")), workers=1)
    with full_pipe() as pipe:
        reeve.process = subprocess.Popen([BIN, "run", str(reeve.file)], cwd=reeve.folder, stdin=subprocess.DEVNULL,
                                         stdout=pipe, stderr=pipe, start_new_session=True)
        wait_for(reeve.serving, 20, "reeve to serve")
        reeve.wait_state("echo", "ready")
        assert reeve.get()[0] == 200
        reeve.kill_keeper()  # the gate logs that, where nobody reads
        for _ in range(3):
            assert reeve.get(timeout=60)[0] == 200
        reeve.spawn()
        wait_for(reeve.serving, 20, "reeve to serve")


def control_socket(reeve):
    rows = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return next(row.split()[-1] for row in rows if row.endswith(f"/{reeve.name}/control.sock"))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_keeper_without_descriptors_does_not_spin(reeve):
    reeve.configure(SERVICE.format(echo=program("echo.py")), workers=1)
    reeve.spawn("prlimit", "--nofile=64")
    wait_for(reeve.serving, 20, "reeve to serve")
    reeve.wait_state("echo", "ready")
    keeper, path = reeve.process.pid, control_socket(reeve)
    with contextlib.ExitStack() as clients:
        for _ in range(60):  # more than it can take in; the rest waits at the door
            clients.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)).connect(path)
        wait_for(lambda: descriptors(keeper) == 64, 5, "the keeper to run out of descriptors")
        before, start = cpu_seconds(keeper), time.monotonic()
        while time.monotonic() < start + 1:  # whatever it does within a second
            assert reeve.get()[0] == 200
        assert cpu_seconds(keeper) - before < 0.5
    wait_for(reeve.serving, 10, "the keeper to answer again")


def test_closed_standard_descriptors_are_nobodys(reeve):
    """Else the lock or a client's connection gets number 2, and the log goes there."""
    reeve.configure(SERVICE.format(echo=program("echo.py")), workers=1)
    reeve.spawn("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    wait_for(reeve.serving, 20, "reeve to serve")
    for pid in [reeve.process.pid, *reeve.gates()]:
        for number in range(3):
            assert kernel.descriptors(pid)[number] == "/dev/null", (pid, number)
    assert reeve.get()[0] in (200, 503)
