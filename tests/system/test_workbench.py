"""The example that `make run` starts, from a copy: page, API and feed answer, and a killed API comes back."""
import asyncio
import json

import pytest
import websockets

from conftest import SLACK, wait_for
from workbench import EXAMPLE, copy, start


@pytest.fixture
def workbench(reeve):
    return start(copy(reeve))


def first_feed(reeve):
    async def read():
        async with websockets.connect(f"ws://127.0.0.1:{reeve.port}/feed", open_timeout=5 * SLACK,
                                      origin=f"http://127.0.0.1:{reeve.port}") as feed:
            return [json.loads(await asyncio.wait_for(feed.recv(), 5 * SLACK)) for _ in range(2)]

    return asyncio.run(read())


def test_it_checks(workbench):
    workbench.verb("check")


def test_page_api_and_feed(workbench):
    status, fields, body = workbench.get("/", {"Sec-Fetch-Mode": "navigate"})
    assert status == 200 and b"<title>workbench</title>" in body and fields["Content-Type"].startswith("text/html")
    for name in [path.name for path in (EXAMPLE / "page").iterdir() if path.suffix != ".html"]:
        assert workbench.get(f"/{name}")[2] == (EXAMPLE / "page" / name).read_bytes()
    status, fields, body = workbench.get("/api/status")
    assert (status, fields["Cache-Control"]) == (200, "no-store")
    assert json.loads(body)["pid"] == workbench.target("api")["run"]["pid"]
    before, after = first_feed(workbench)
    assert before["pid"] == workbench.target("feed")["run"]["pid"] and len(after["lines"]) == 1


def test_the_killed_api_comes_back(workbench):
    """As the page does it: POST /api/kill, then 503 with the cause until the next run is there."""
    pid = json.loads(workbench.get("/api/status")[2])["pid"]
    assert workbench.get("/api/kill", method="POST")[0] in (202, 502)  # it may die before its answer is out

    seen = []

    def back():
        status, fields, body = workbench.get("/api/status")
        seen.append((status, fields, body))
        return status == 200 and json.loads(body)["pid"] != pid

    wait_for(back, 20, "the API to be back")
    refused = [(fields, json.loads(body)) for status, fields, body in seen if status == 503]
    assert refused, [status for status, _, _ in seen]
    fields, problem = refused[0]
    assert fields["Content-Type"] == "application/problem+json" and int(fields["Retry-After"]) >= 1
    assert problem["target"] == "api"
    assert any(problem["cause"]["kind"] == "signal" and problem["cause"]["signal"] in (9, "KILL", "SIGKILL")
               for _, problem in refused)
    target = workbench.wait_state("api", "ready")
    assert target["restarts"] == 1 and target["run"]["pid"] != pid
    assert first_feed(workbench)[0]["pid"] == workbench.target("feed")["run"]["pid"], "the feed was not disturbed"


def test_the_page_says_when_the_api_is_stopped(workbench):
    workbench.verb("stop", "api")
    status, fields, body = workbench.get("/api/status")
    assert status == 503 and json.loads(body)["target"] == "api"
    workbench.verb("start", "api")
    assert workbench.get("/api/status")[0] == 200
