"""Pattern 7, orphan cleanup: each child has a pid file, so that the next run of the service can end what this one
leaves behind."""
import asyncio
import os
import signal
import subprocess

from settings import STATE

PIDS = STATE / "pids"


def spawn(name, *command):
    """In a session of its own, so that it is not ended with the service's group; nobody reads what it says."""
    PIDS.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(["/usr/bin/python3", *map(str, command)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    (PIDS / f"{name.replace('/', '-')}.pid").write_text(str(child.pid))
    return child


async def kill_orphan_processes():
    for file in PIDS.glob("*.pid"):
        try:
            os.kill(int(file.read_text()), signal.SIGTERM)
        except (ValueError, ProcessLookupError):
            pass
        file.unlink()
    await asyncio.sleep(0.5)
