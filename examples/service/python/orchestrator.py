"""Pattern 3, two loops: the monitor looks what became of the children, the watchdog acts on it."""
import asyncio
import dataclasses
import subprocess

from children import spawn
from settings import API_PORT, POLL_SECONDS, PROGRAMS, STATE

TERMINAL_STATUSES = {"ended", "failed"}


@dataclasses.dataclass
class Instance:
    id: str
    process: subprocess.Popen
    status: str = "running"


def instance_dir(instance_id):
    return STATE / "instances" / instance_id


class Orchestrator:
    def __init__(self):
        self.instances = {}
        self.api = None

    def create(self, instance_id, lines, every, delay):
        folder = instance_dir(instance_id)
        folder.mkdir(parents=True, exist_ok=True)
        process = spawn(f"job-{instance_id}", PROGRAMS / "worker.py", folder, f"--lines={lines}", f"--every={every}",
                        f"--delay={delay}")
        self.instances[instance_id] = Instance(instance_id, process)

    def delete(self, instance_id):
        self.instances[instance_id].process.terminate()

    def start_api(self):
        self.api = spawn("api", PROGRAMS / "api.py", "--port", API_PORT)

    async def monitor_loop(self):
        while True:
            for instance in self.instances.values():
                status = instance.process.poll()
                if status is not None:
                    instance.status = "failed" if status else "ended"
            await asyncio.sleep(POLL_SECONDS)

    async def watchdog_loop(self):
        while True:
            if self.api.poll() is not None:
                self.start_api()
            await asyncio.sleep(POLL_SECONDS)
