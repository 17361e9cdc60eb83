"""Pattern 6, single-page app and API proxy: `/api/*` is passed on, everything else is a file or the page."""
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

from settings import API_PORT, PAGE

router = APIRouter()
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "host"}


@router.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def api_proxy(request: Request, path: str):
    client = request.app.state.http_client
    fields = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
    outgoing = client.build_request(request.method, f"http://127.0.0.1:{API_PORT}/{path}", headers=fields,
                                    params=request.query_params, content=await request.body())
    answer = await client.send(outgoing, stream=True)
    fields = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
    return StreamingResponse(answer.aiter_raw(), answer.status_code, fields, background=BackgroundTask(answer.aclose))


@router.get("/{path:path}")
async def page(path: str):
    file = (PAGE / path).resolve()
    if file.is_file() and PAGE in file.parents:
        return FileResponse(file)
    return FileResponse(PAGE / "index.html")
