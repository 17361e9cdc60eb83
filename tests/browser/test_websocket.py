"""A WebSocket in a browser opens only when there is somebody behind it, so a client's back-off works as it is meant."""
import json

import pytest

from conftest import PYTHON, free_port, program

SECONDS, MOST = 30, 6  # from the issue: at most 6 attempts in 30 s

# The client of the source document's production bug: it takes `open` for success and starts its back-off anew.
CLIENT = """<!doctype html><title>sockets</title><script>
const seen = {};
function keep(path) {
  const mine = seen[path] = {attempts: 0, opened: 0, codes: []};
  let wait = 1000;
  (function dial() {
    mine.attempts++;
    const socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws")));
    socket.onopen = () => { mine.opened++; wait = 1000; };
    socket.onclose = (event) => {
      mine.codes.push(event.code);
      setTimeout(dial, wait);
      wait *= 2;
    };
  })();
}
</script>"""


@pytest.fixture
def site(reeve):
    """Backends that are dead each in its way, and one that lives."""
    (reeve.folder / "page").mkdir()
    (reeve.folder / "page/index.html").write_text(CLIENT)
    reeve.start(f"""
services:
  nobody: {{address: "127.0.0.1:{free_port()}"}}
  dying: {{command: [/bin/false, "${{PORT}}"]}}
  mute: {{command: [{PYTHON}, -c, "import time; time.sleep(600)", "${{PORT}}"], ready: {{timeout: 1s}}}}
  echo: {{command: [{program('ws_echo.py')}, --port, "${{PORT}}"]}}
routes:
  - {{path: /nobody, to: nobody}}
  - {{path: /dying, to: dying}}
  - {{path: /mute, to: mute}}
  - {{path: /echo, to: echo}}
  - {{path: /*, files: {reeve.folder}/page}}
""")
    reeve.wait_state("echo", "ready")
    return reeve


def test_a_dead_backend_never_opens(site, page):
    page.goto(f"http://127.0.0.1:{site.port}/")
    page.evaluate("for (const path of ['nobody', 'dying', 'mute', 'echo']) keep(path)")
    page.waitForTimeout(SECONDS * 1000)
    seen = page.evaluate("seen")
    print(json.dumps(seen))
    assert seen["echo"] == {"attempts": 1, "opened": 1, "codes": []}, "the client does open what is there"
    for path in ("nobody", "dying", "mute"):
        assert seen[path]["opened"] == 0, path
        assert 2 <= seen[path]["attempts"] <= MOST, path
        assert set(seen[path]["codes"]) == {1006}, path
