"""The source document's service in Python, whole: python3 app.py (see settings.py for its environment).

Written after the patterns of the document, with their faults left in: docs/from-fastapi.md tells what each of them does
and what the same service does under reeve. Needs Debian's python3-fastapi, uvicorn, python3-websockets, python3-httpx."""
import asyncio
import sys
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request

import events
import files
import terminal
from auth import Auth
from children import kill_orphan_processes
from orchestrator import Orchestrator
from settings import DATA, POLL_SECONDS, PORT, PROGRAMS
from takeover import kill_stale_port_holder

sys.path.append(str(PROGRAMS))
import reconcile


async def poll_loop():
    while True:
        reconcile.run(DATA)
        await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def lifespan(app):
    """Pattern 2: what runs beside the requests starts before the first and ends after the last."""
    await kill_orphan_processes()
    orchestrator = app.state.orchestrator = Orchestrator()
    orchestrator.start_api()
    app.state.http_client = httpx.AsyncClient(verify=False)
    tasks = [asyncio.create_task(loop) for loop in (poll_loop(), orchestrator.monitor_loop(),
                                                    orchestrator.watchdog_loop())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await app.state.http_client.aclose()  # the children stay: the next start ends them


app = FastAPI()
app.router.lifespan_context = lifespan  # FastAPI(lifespan=...) is ignored, silently, before 0.93
app.add_middleware(Auth)


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.post("/instances", status_code=201)
async def create_instance(request: Request):
    given = await request.json()
    request.app.state.orchestrator.create(given["id"], given.get("lines", 0), given.get("every", 1), given.get("delay", 0))
    return {"id": given["id"]}


@app.get("/instances/{instance_id}")
async def show_instance(request: Request, instance_id: str):
    instance = request.app.state.orchestrator.instances.get(instance_id)
    if not instance:
        raise HTTPException(404)
    return {"id": instance.id, "status": instance.status}


@app.delete("/instances/{instance_id}", status_code=202)
async def delete_instance(request: Request, instance_id: str):
    request.app.state.orchestrator.delete(instance_id)
    return {"id": instance_id}


app.include_router(terminal.router)
app.include_router(events.router)
app.include_router(files.router)  # last: it takes whatever is left

if __name__ == "__main__":
    kill_stale_port_holder(PORT)
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
