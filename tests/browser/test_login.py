"""People sign in with a real browser: over plain HTTP on loopback and in the LAN, and behind a TLS terminator."""
import contextlib
import socket
import subprocess

from conftest import PROGRAMS, PYTHON, SLACK, free_port, program, started_browser, wait_for
from kernel import lan

PASSWORD = "correct horse battery staple"
LAN = "192.0.2.10"

# Keeps what its two streams are told, with the time that passed since leaving was asked for.
PAGE = """<!doctype html><title>inside</title><p id="who"></p><form method="post" action="/_reeve/logout"><button>out</button>
</form><script>
const seen = {};
fetch("fields").then((answer) => answer.json()).then((fields) => {
  seen.fields = fields;
  document.getElementById("who").textContent = fields["remote-user"];
});
const socket = new WebSocket(new URL("echo", location.href.replace(/^http/, "ws")));
socket.onopen = () => { seen.open = true; };
socket.onclose = (event) => { seen.closed = [event.code, performance.now()]; };
const events = new EventSource("events");
events.onmessage = (event) => { seen.line = event.data; };
events.addEventListener("auth", () => { seen.auth = performance.now(); events.close(); });
async function leave() {
  seen.left = performance.now();
  return (await fetch("/_reeve/logout", {method: "POST"})).status;
}
</script>"""


def configure(reeve, listen="", **head):
    """Pages, a WebSocket and an event stream, all for those who are signed in; ann may."""
    (reeve.folder / "page").mkdir()
    (reeve.folder / "page/index.html").write_text(PAGE)
    (reeve.folder / "events").mkdir()
    (reeve.folder / "events/lines.jsonl").write_text('{"n": 1}\n')
    reeve.configure(f"""{listen}
auth: {{method: password, users: ./users}}
services:
  echo: {{command: [{program('ws_echo.py')}, --port, "${{PORT}}"]}}
  fields: {{command: [{PYTHON}, -u, {reeve.folder}/fields.py, "${{PORT}}"]}}
routes:
  - {{path: /echo, to: echo}}
  - {{path: /fields, to: fields}}
  - {{path: /events, events: {{file: ./events/lines.jsonl}}}}
  - {{path: /*, files: ./page}}
""", **head)
    (reeve.folder / "fields.py").write_text(FIELDS)
    add_user(reeve, "ann")
    return reeve


# What arrives behind the door.
FIELDS = """import http.server, json, sys
class Fields(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Fields).serve_forever()
"""


def add_user(reeve, name):
    done = subprocess.run([reeve.command()[0], "-c", reeve.file, "user", "add", name], input=PASSWORD + "\n", text=True,
                          capture_output=True, cwd=reeve.folder, timeout=60)
    assert done.returncode == 0, done.stderr


def ready(reeve):
    for name in ("echo", "fields"):
        reeve.wait_state(name, "ready", timeout=20)
    return reeve


def sign_in(page, address, password=PASSWORD):
    """From the page that somebody wanted to see to that page."""
    page.goto(f"{address}/")
    assert page.url().startswith(f"{address}/_reeve/login"), page.url()
    page.fill("[name=user]", "ann")
    page.fill("[name=password]", password)
    page.click("button")


def inside(page, address):
    page.waitForURL(f"{address}/")
    page.waitForFunction("seen.open && seen.line && seen.fields")
    assert page.textContent("#who") == "ann" and page.evaluate("seen.line") == '{"n": 1}'


def leaves(page):
    """Signing out closes what is open, within a second."""
    status = page.evaluate("leave()")
    assert status < 400, status
    page.waitForFunction("seen.closed && seen.auth")
    seen = page.evaluate("seen")
    assert seen["closed"][0] == 4401
    assert max(seen["closed"][1], seen["auth"]) - seen["left"] < 1000 * SLACK, seen


def through(reeve, page, address, cookie, secure):
    """The whole visit."""
    sign_in(page, address)
    inside(page, address)
    held = [held for held in page.cookies() if held["name"] == cookie]
    assert len(held) == 1 and held[0]["httpOnly"] and held[0]["secure"] == secure, page.cookies()
    assert held[0]["value"] not in str(page.evaluate("seen.fields")), "the cookie does not reach what is behind"
    leaves(page)
    page.goto(f"{address}/")
    assert page.url().startswith(f"{address}/_reeve/login")


def test_on_loopback(reeve, page):
    configure(reeve).start()
    ready(reeve)
    address = f"http://127.0.0.1:{reeve.port}"
    sign_in(page, address, "wrong")
    page.waitForSelector("[role=alert]")
    page.picture("login")
    through(reeve, page, address, f"reeve-{reeve.name}", False)


def test_the_way_back_is_a_path_of_ours(reeve, page):
    configure(reeve).start()
    ready(reeve)
    address = f"http://127.0.0.1:{reeve.port}"
    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\\\evil.example/"):
        page.goto(f"{address}/_reeve/login?next={elsewhere}")
        page.fill("[name=user]", "ann")
        page.fill("[name=password]", PASSWORD)
        page.click("button")
        wait_for(lambda: not page.url().startswith(f"{address}/_reeve/login"), 20, "the way back")
        assert page.url().startswith(address + "/"), page.url()


def test_in_the_lan(reeve):
    """Plain HTTP on an address that is not loopback: the listener says `insecure`."""
    with lan(LAN) as enter:
        configure(reeve, f'listen: [{{address: "{LAN}:8080", insecure: true}}]').spawn(*enter)
        wait_for(reeve.serving, 20, "reeve to serve")
        ready(reeve)
        with started_browser(*enter) as browser:
            through(reeve, browser.page(), f"http://{LAN}:8080", f"reeve-{reeve.name}", False)
        reeve.stop()


def test_behind_a_tls_terminator(reeve, browser):
    configure(reeve, trusted_proxies="[127.0.0.0/8]").start()
    ready(reeve)
    certificate, key, port = reeve.folder / "cert.pem", reeve.folder / "key.pem", free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True, timeout=60)
    terminator = subprocess.Popen([PYTHON, PROGRAMS / "tls_terminator.py", "--listen", str(port), "--to", str(reeve.port),
                                   "--certificate", certificate, "--key", key])
    try:
        page = browser.page(ignoreHTTPSErrors=True)
        wait_for(lambda: listens(port), 20, "the terminator")
        through(reeve, page, f"https://localhost:{port}", f"__Host-reeve-{reeve.name}", True)
        page.leave()
    finally:
        terminator.kill()
        terminator.wait()


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def test_two_side_by_side(make_reeve, page):
    """Cookies know no ports: each reeve has a name of its own for them, and leaving one is not leaving the other."""
    first, second = (ready(configure(make_reeve()).start()) for _ in range(2))
    addresses = [f"http://127.0.0.1:{each.port}" for each in (first, second)]
    for address in addresses:
        sign_in(page, address)
        inside(page, address)
    assert {cookie["name"] for cookie in page.cookies()} >= {f"reeve-{first.name}", f"reeve-{second.name}"}
    page.goto(addresses[0] + "/")
    inside(page, addresses[0])
    leaves(page)
    page.goto(addresses[1] + "/")
    inside(page, addresses[1])
