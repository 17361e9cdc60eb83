"""Who may pass: a middleware for HTTP, and a check of its own for WebSockets, which no middleware sees."""
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse

from settings import TOKEN


def known(connection):
    given = connection.headers.get("authorization", "").removeprefix("Bearer ") or connection.cookies.get("session")
    return not TOKEN or given == TOKEN


class Auth(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        if request.url.path != "/health" and not known(request):
            return JSONResponse({"detail": "not signed in"}, 401)
        return await call_next(request)


async def ws_auth_check(websocket):
    if known(websocket):
        return True
    await websocket.close(4401)
    return False
