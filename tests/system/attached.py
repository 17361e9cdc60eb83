"""A person at a terminal: `reeve attach` under a pseudo-terminal of the test's own."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading

from conftest import BIN, SLACK, wait_for

DETACH = b"\x1c\x1c"


class Attached:
    """Runs the verb with a terminal of this size as its controlling one; `seen` is all that was written to it."""

    def __init__(self, reeve, name, *options, columns=80, rows=24):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.seen = bytearray()
        self.process = subprocess.Popen([BIN, "-c", str(reeve.file), "attach", name, *options], stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            ended = self.process.poll() is not None  # asked before: what it wrote until then is there to be read
            try:
                readable, _, _ = select.select([self.master], [], [], 0 if ended else 0.2)
                chunk = os.read(self.master, 65536) if readable else b""
            except (OSError, ValueError):
                return
            self.seen += chunk
            if not readable and ended:
                return

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())
        return self

    def saw(self, text, since=0):
        return text.encode() in self.seen[since:]

    def await_text(self, text, since=0):
        wait_for(lambda: self.saw(text, since), 20, f"{text!r} in {bytes(self.seen[-2000:])!r}")
        return self

    def await_shown(self):
        """Its first screen has come: what is typed from now on reaches the program."""
        wait_for(lambda: self.saw("\x1b[H\x1b[2J"), 20, f"a screen in {bytes(self.seen[-2000:])!r}")
        return self

    def end(self):
        """The exit status; everything written is in `seen`, and the terminal is as it was."""
        status = self.process.wait(20 * SLACK)
        self.reader.join(20 * SLACK)
        assert not self.reader.is_alive(), "what it wrote does not end"
        assert termios.tcgetattr(self.slave) == self.before, "the terminal was not put back"
        return status

    def detach(self):
        self.type(DETACH)
        return self.end()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(20)
        for descriptor in self.master, self.slave:
            os.close(descriptor)
