"""A parent whose grandchild leaves its session, loses its parent, and ignores SIGTERM and SIGHUP.

Argument: a file for the grandchild's pid."""
import os
import pathlib
import signal
import sys

if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    pathlib.Path(sys.argv[1] + ".new").write_text(str(os.getpid()))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    while True:
        signal.pause()
os.wait()
while True:
    signal.pause()
