"""Who may pass: asked of both forms of examples/service."""
from service_case import case, opening


@case()
def nobody_asks_the_api(form):
    return form.request("/api/whoami", known=False)[0]


@case()
def nobody_asks_for_events(form):
    return form.request("/instances/x1/events", known=False)[0]


@case(python=403, reeve=401, why="the same answer for every kind of request; a server that closes before it accepts can "
      "only say 403 in Python")
def nobody_opens_a_websocket(form):
    return opening(form, known=False)


@case(python=401, reeve=303, why="people are shown where to sign in")
def nobody_opens_the_page(form):
    return form.request("/", known=False, fields={"Sec-Fetch-Mode": "navigate", "Accept": "text/html"})[0]


@case(python=101, reeve=403, why="a page of another site may not open a WebSocket on somebody's behalf")
def foreign_origin_opens_a_websocket(form):
    return opening(form.wake(), origin="https://evil.example")


@case(python=200, reeve=403, why="nor change anything")
def foreign_origin_posts(form):
    return form.request("/api/echo", "POST", b"x", {"Origin": "https://evil.example"})[0]


@case(python=200, reeve=421, why="a name that is not ours is somebody's rebinding")
def foreign_host(form):
    return form.request("/api/whoami", fields={"Host": "evil.example"})[0]


@case()
def health_for_nobody(form):
    return form.request("/health", known=False)[::2]


@case(python=True, reeve=False, why="a credential that was for the door does not reach what is behind it")
def token_reaches_the_api(form):
    return "authorization" in form.json("/api/fields")
