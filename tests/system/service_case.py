"""Cases of test_side_by_side.py: how they are registered, and what several of them need."""
import asyncio

import websockets

from conftest import SLACK, wait_for

CASES, FIGURES = {}, {}
LONG = 5  # seconds that one waits to see that nothing comes


class Case:
    def __init__(self, look, python=None, reeve=None, why=None, own=False):
        self.look, self.python, self.reeve, self.why, self.own = look, python, reeve, why, own
        self.name = look.__name__.replace("_", " ")


def case(**differs):
    """Registers a function: form -> what is seen of it. `python`, `reeve` and `why` list a difference; with `own` the
    forms are started for this case alone, since it harms them."""
    def register(look):
        CASES[look.__name__] = Case(look, **differs)
        return look

    return register


def figure(what, form, value):
    FIGURES[what, form.kind] = value


def append(form, name, data):
    """Writes to a job's events as the job would."""
    with open(form.instance_dir(name) / "events.jsonl", "ab", buffering=0) as file:
        file.write(data)


def quiet_job(form, name):
    """A job that writes its first line and then stays; the test writes the others."""
    form.create(name)
    wait_for(lambda: (form.instance_dir(name) / "events.jsonl").exists(), 20, "the job to start")
    return name


def in_session(form, steps, **options):
    async def session():
        async with form.socket(**options) as terminal:
            return await asyncio.wait_for(steps(terminal), 6 * SLACK)

    form.wake()
    return asyncio.run(session())


def opening(form, **options):
    """The status of a WebSocket's handshake."""
    async def dial():
        try:
            async with form.socket(**options):
                return 101
        except websockets.InvalidStatusCode as error:
            return error.status_code

    return asyncio.run(dial())
