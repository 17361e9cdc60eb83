"""A Vite development server behind reeve: pages, modules, and hot reload over its WebSocket."""
import asyncio
import contextlib
import json
import pathlib
import re

import pytest
import websockets

import npm
from conftest import BIN, SLACK, wait_for

MAIN = """export const told = "version %d";
if (import.meta.hot) import.meta.hot.accept();
"""


@pytest.fixture(scope="session")
def vite():
    """Vite's start script, as npm installs it."""
    return npm.install(pathlib.Path(__file__).parent / "vite") / "vite/bin/vite.js"


@pytest.fixture
def site(reeve, vite):
    """A small project and its server."""
    project = reeve.folder / "project"
    project.mkdir()
    (project / "index.html").write_text('<!doctype html><title>hot</title><script type="module" src="/main.js"></script>')
    (project / "main.js").write_text(MAIN % 1)
    (project / "vite.config.mjs").write_text("export default { cacheDir: './cache', clearScreen: false };\n")
    reeve.start(f"""
services:
  vite:
    command: [node, {vite}, --host, 127.0.0.1, --port, "${{PORT}}", --strictPort]
    directory: {project}
    ready: {{http: /, timeout: 60s}}
routes: [{{path: /*, to: vite}}]
""")
    reeve.wait_state("vite", "ready", timeout=60)
    return project


def test_pages_and_modules(reeve, site):
    status, fields, body = reeve.get("/", {"Accept": "text/html"})
    assert status == 200 and b"/@vite/client" in body and fields["Content-Type"] == "text/html"
    status, fields, body = reeve.get("/main.js")
    assert (status, fields["Content-Type"]) == (200, "text/javascript") and b"version 1" in body
    assert reeve.get("/main.js", {"If-None-Match": fields["ETag"]})[0] == 304
    assert reeve.get("/deep/link", {"Accept": "text/html"})[2] == reeve.get("/", {"Accept": "text/html"})[2]


def test_hot_reload(reeve, site):
    """The page's own steps: load the module, open the WebSocket that the client script names, hear of the change."""
    client = reeve.get("/@vite/client")[2].decode()
    token = re.search(r'wsToken = "([^"]+)"', client).group(1)
    assert b"version 1" in reeve.get("/main.js")[2]

    async def watch():
        address = f"ws://127.0.0.1:{reeve.port}/?token={token}"
        async with websockets.connect(address, subprotocols=["vite-hmr"], open_timeout=5 * SLACK,
                                      origin=f"http://127.0.0.1:{reeve.port}") as socket:
            assert socket.subprotocol == "vite-hmr"
            assert json.loads(await asyncio.wait_for(socket.recv(), 5 * SLACK)) == {"type": "connected"}
            for version in range(2, 2 + 5 * SLACK):  # it may only be about to watch the folder
                (site / "main.js").write_text(MAIN % version)
                with contextlib.suppress(asyncio.TimeoutError):
                    while (message := json.loads(await asyncio.wait_for(socket.recv(), 5)))["type"] != "update":
                        pass
                    return version, message["updates"][0]
            pytest.fail("no change is told")

    version, update = asyncio.run(watch())
    assert (update["type"], update["path"], update["acceptedPath"]) == ("js-update", "/main.js", "/main.js")
    assert b"version %d" % version in reeve.get(f"/main.js?t={update['timestamp']}")[2]


def test_hot_reload_after_a_restart(reeve, site):
    """The socket ends with the server; the client script polls until the next one is there, as it does here."""
    async def watch():
        token = re.search(r'wsToken = "([^"]+)"', reeve.get("/@vite/client")[2].decode()).group(1)
        async with websockets.connect(f"ws://127.0.0.1:{reeve.port}/?token={token}", subprotocols=["vite-hmr"],
                                      open_timeout=5 * SLACK) as socket:
            await socket.recv()
            restart = await asyncio.create_subprocess_exec(BIN, "-c", str(reeve.file), "restart", "vite")
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket.recv(), 5 * SLACK)
            assert await restart.wait() == 0

    asyncio.run(watch())
    wait_for(lambda: reeve.get("/main.js", {"Accept": "text/x-vite-ping"})[0] in (200, 204), 30, "the server to be back")
