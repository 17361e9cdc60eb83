"""A reader that does not read, or that has gone, stops nobody."""
import contextlib
import fcntl
import os
import subprocess

from conftest import BIN, program, wait_for

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
            assert reeve.get(timeout=5)[0] == 200
        reeve.spawn()
        wait_for(reeve.serving, 20, "reeve to serve")
