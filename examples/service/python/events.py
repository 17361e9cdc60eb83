"""Pattern 5, event stream: a job's events.jsonl as server-sent events, polled once a second by each reader."""
import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from orchestrator import TERMINAL_STATUSES, instance_dir
from settings import WAIT_SECONDS

router = APIRouter()


@router.get("/instances/{instance_id}/events")
async def stream_events(request: Request, instance_id: str):
    orchestrator = request.app.state.orchestrator

    async def generate():
        path = instance_dir(instance_id) / "events.jsonl"
        for _ in range(WAIT_SECONDS):  # it may still be starting
            if path.exists():
                break
            await asyncio.sleep(1)
        with open(path) as file:
            while True:
                if line := file.readline():
                    yield f"data: {line}\n\n"
                    continue
                instance = orchestrator.instances.get(instance_id)
                if instance and instance.status in TERMINAL_STATUSES:
                    return
                await asyncio.sleep(1)

    return StreamingResponse(generate(), media_type="text/event-stream")
