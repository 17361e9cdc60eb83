"""Pattern 1, port takeover: whoever has our port is asked to go before the server binds it."""
import os
import signal
import subprocess
import time


def kill_stale_port_holder(port):
    try:
        found = subprocess.run(["lsof", "-ti", f":{port}"], capture_output=True, text=True, timeout=60)
        pids = {int(word) for word in found.stdout.split()} - {os.getpid()}
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        if pids:
            time.sleep(1)  # for the port to be released
    except Exception:
        pass  # no lsof: go on, and let the bind fail by itself
