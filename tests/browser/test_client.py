"""/_reeve/client.js in a browser: its connections come back by themselves, with as many attempts as docs/client.md says."""
import json
import os
import signal

import pytest

import kernel
from conftest import program, wait_for
from peers import Peer, handshake
from test_login import PASSWORD, add_user, sign_in

# Every attempt is noted: each WebSocket, and each fetch of a stream (a probe asks for /ws, too).
PAGE = """<!doctype html><title>client</title><script type="module">
const noted = window.noted = {socket: [], stream: [], probe: []}, start = performance.now();
const {fetch: plain, WebSocket: Plain} = window;
window.fetch = (url, ...more) => {
  noted[/ws$/.test(String(url)) ? "probe" : "stream"].push(performance.now() - start);
  return plain(url, ...more);
};
window.WebSocket = function (...given) {
  noted.socket.push(performance.now() - start);
  return new Plain(...given);
};
const client = await import("/_reeve/client.js");
const seen = window.seen = {socket: {got: [], states: []}, stream: {got: [], states: [], named: []}};
window.begin = (options = {}) => {
  for (const [name, make, url] of [["socket", client.socket, "ws"], ["stream", client.events, "stream"]]) {
    const mine = seen[name];
    mine.link = make(options[name] || url, {
      message: (data, id) => mine.got.push(name === "stream" ? [data, id] : data),
      event: (...event) => mine.named.push(event),
      state: (state, detail) => mine.states.push([state, detail.reason || detail.code || detail.status || 0, detail.wait]),
      ...options,
    });
  }
};
window.now = () => performance.now() - start;
</script>"""


@pytest.fixture
def site(reeve, page):
    """Socket and stream of a moody service, behind a page that follows both."""
    (reeve.folder / "page").mkdir()
    (reeve.folder / "page/index.html").write_text(PAGE)
    reeve.start(f"""
services:
  moody: {{command: [{program('moody.py')}, --port, "${{PORT}}"]}}
routes:
  - {{path: /ws, to: moody}}
  - {{path: /full/ws, to: moody, limits: {{streams: 1}}}}
  - {{path: /stream, to: moody}}
  - {{path: /moody/*, to: moody, strip: true}}
  - {{path: /*, files: ./page}}
""", drain="{timeout: 2s}")
    reeve.wait_state("moody", "ready", timeout=20)
    page.goto(f"http://127.0.0.1:{reeve.port}/")
    page.waitForFunction("window.begin")
    yield reeve
    assert not [line for line in page.told() if line.startswith("uncaught")]


def mood(reeve, word):
    assert reeve.get("/moody/mood", method="POST", body=word)[0] == 204


def is_open(page):
    page.waitForFunction("seen.socket.link.state === 'open' && seen.stream.link.state === 'open'", None, {"timeout": 60000})


def both_got(page, more=1):
    """Wants what comes from now on."""
    at = page.evaluate("[seen.socket.got.length, seen.stream.got.length]")
    page.waitForFunction(f"seen.stream.got.length >= {at[1] + more}", None, {"timeout": 60000})


def no_line_is_missing(page):
    numbers = [int(data.split("\n")[0]) for data, _ in page.evaluate("seen.stream.got")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(data.endswith("\nx") for data, _ in page.evaluate("seen.stream.got"))


def most_attempts(seconds, first=0.5, most=30.0):
    """After the first failed one, when every wait is as short as its jitter allows."""
    count, wait = 1, first
    while seconds > 0:
        seconds -= wait / 2
        wait = min(wait * 2, most)
        count += 1
    return count


def test_reeve_killed(site, page):
    """Everything of it: attempts ever further apart, and both streams are back when it is."""
    page.evaluate("begin({steady: 1000})")
    is_open(page)
    both_got(page)
    page.waitForTimeout(1100)  # they have lasted: the back-off begins anew
    gates = site.gates()
    site.kill_keeper()
    for gate in gates:
        kernel.kill(gate)
    killed = page.evaluate("now()")
    page.waitForFunction("seen.socket.link.state !== 'open' && seen.stream.link.state !== 'open'")
    page.waitForTimeout(3000)
    site.start()
    is_open(page)
    both_got(page, 2)
    over = page.evaluate("now()")
    attempts = page.evaluate("noted")
    for what in attempts:
        later = [at for at in attempts[what] if at > killed]
        print(what, [round(at - killed) for at in later])
        assert len(later) <= most_attempts((over - killed) / 1000), what
    no_line_is_missing(page)


def test_reeve_drained(site, page):
    """It says goodbye: both know that it is coming back, and are there when it is."""
    page.evaluate("begin({steady: 1000})")
    is_open(page)
    both_got(page)
    page.waitForTimeout(1100)
    left = page.evaluate("now()")
    site.stop()
    page.waitForFunction("seen.socket.states.some(([state, why]) => why === 1001)")
    site.start()
    is_open(page)
    both_got(page, 2)
    over = page.evaluate("now()")
    attempts = page.evaluate("noted")
    for what in attempts:
        later = [at for at in attempts[what] if at > left]
        assert len(later) <= most_attempts((over - left) / 1000), (what, later)
    no_line_is_missing(page)


def test_full(site, page):
    """503 with Retry-After: exactly as often as asked for, however long it takes."""
    mood(site, "full")
    page.evaluate("begin({first: 50})")

    def times():
        told = json.loads(site.get("/moody/attempts")[2])
        return [[at for where, at in told if where == path] for path in ("/ws", "probe", "/stream")]

    wait_for(lambda: all(len(row) >= 3 for row in times()), 10, "three attempts of each kind")
    for row in times():
        assert all(later - earlier >= 1.95 for earlier, later in zip(row, row[1:])), row
    mood(site, "fine")
    is_open(page)


def test_reeve_full(site, page):
    """The route's last place is taken: who is one too many waits as long as reeve says, and is let in when it is free."""
    with Peer.connect(site.port) as first:
        first.send(handshake("/full/ws", host=f"127.0.0.1:{site.port}"))
        assert first.read_answer().status == 101
        status, fields, _ = site.get("/full/ws", headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                                                          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        assert status == 503 and int(fields["Retry-After"]) >= 1
        started = page.evaluate("now()")
        page.evaluate("begin({socket: 'full/ws', first: 50})")
        page.waitForFunction("noted.socket.length >= 3", None, {"timeout": 60000})
        times = page.evaluate("noted.socket")
    assert all(later - earlier >= 950 for earlier, later in zip(times, times[1:])), times
    assert len(times) <= most_attempts((times[-1] - started) / 1000, first=1.0)
    is_open(page)


def test_open_is_no_success(site, page):
    """Who opens and ends without a word does not start the back-off anew."""
    mood(site, "mute")
    started = page.evaluate("now()")
    page.evaluate("begin()")
    page.waitForFunction("noted.socket.length >= 4 && noted.stream.length >= 4", None, {"timeout": 60000})
    page.waitForTimeout(4000)  # in which one without memory would try ten times
    over, attempts = page.evaluate("now()"), page.evaluate("noted")
    for what in ("socket", "stream"):
        assert len(attempts[what]) <= most_attempts((over - started) / 1000), attempts[what]
    assert page.evaluate("seen.socket.states.filter(([state]) => state === 'open').length") >= 3


CODES = {
    "code 1000": ["stopped", "ended"],
    "code 4403": ["stopped", "forbidden"],
    "code 4401": ["stopped", "signed-out"],
    "code 1012": ["waiting", 1012],
    "code 1013": ["waiting", 1013],
    "code 4503": ["waiting", 4503],
    "gone": ["waiting", 1006],
}


def test_codes(site, page):
    """What each goodbye means; a 404 that is not reeve's own says nothing about a WebSocket, but ends a stream."""
    for word, wanted in CODES.items():
        mood(site, word)
        page.reload()
        page.waitForFunction("window.begin")
        page.evaluate("begin({signIn: (page) => { seen.page = page; }})")
        page.waitForFunction(f"seen.socket.states.some(([state, why]) => state === {wanted[0]!r} && why === {wanted[1]!r})")
        if word == "code 1013":
            assert min(wait for _, why, wait in page.evaluate("seen.socket.states") if why == 1013) >= 2000
        if word == "code 4401":
            assert page.evaluate("seen.page") == "/_reeve/login?next=%2F"
    page.waitForFunction("seen.stream.states.at(-1)?.[1] === 'refused'")


def test_only_a_handshake_is_missing(site, page):
    """What the plain question learns when all is well again (426) is no refusal."""
    mood(site, "code 4503")
    page.evaluate("""globalThis.fetch = async () => new Response('{"type": "urn:reeve:problem:upgrade-required"}',
        {status: 426, headers: {"content-type": "application/problem+json"}})""")
    page.evaluate("begin()")
    page.waitForFunction("seen.socket.states.some(([state, why]) => state === 'waiting' && why === 4503)")


def test_waking_up(site, page):
    """A network that is back, a computer that has slept: tried at once, and what is dead is found."""
    page.evaluate("begin({first: 300000, most: 300000, patience: 300})")
    is_open(page)
    site.kill_keeper()
    for gate in site.gates() if site.process.poll() is None else gates_left(site):
        kernel.kill(gate)
    page.waitForFunction("seen.socket.link.state === 'waiting' && seen.stream.link.state === 'waiting'")
    site.start()
    page.waitForTimeout(1100)
    page.evaluate("dispatchEvent(new Event('online'))")
    is_open(page)
    gates = site.gates()
    for gate in gates:
        os.kill(gate, signal.SIGSTOP)  # nothing comes any more, and nobody says so
    try:
        before = page.evaluate("[noted.socket.length, noted.stream.length]")
        page.evaluate("{const plain = Date.now, slept = 3600e3; Date.now = () => plain() + slept;}")
        page.waitForFunction(f"noted.socket.length > {before[0]} && noted.stream.length > {before[1]}", None, {"timeout": 20000})
    finally:
        for gate in gates:
            os.kill(gate, signal.SIGCONT)
    page.waitForTimeout(1100)  # so that one that has failed meanwhile tries at once as well
    page.evaluate("dispatchEvent(new Event('online'))")
    is_open(page)
    both_got(page)
    no_line_is_missing(page)


def gates_left(reeve):
    noted = json.loads((reeve.state / "gates.json").read_text())
    return [each["pid"] for each in noted if kernel.start_time(each["pid"]) == each["start_time"]]


def test_closing_is_for_good(site, page):
    page.evaluate("begin()")
    is_open(page)
    page.evaluate("seen.socket.link.close(), seen.stream.link.close()")
    assert page.evaluate("seen.socket.link.send('x')") is False
    before = page.evaluate("noted")
    page.waitForTimeout(1500)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.waitForTimeout(500)
    assert page.evaluate("noted") == before
    assert [page.evaluate(f"seen.{name}.states.at(-1)")[:2] for name in ("socket", "stream")] == [["stopped", "closed"]] * 2


EVENTS = """
auth: {{method: password, users: ./users}}
services:
  moody: {{command: [{moody}, --port, "${{PORT}}"]}}
  job: {{command: [/bin/sh, -c, "echo 1 >> lines/lines.jsonl; exec sleep 600"], restart: never, listen: none, start: boot}}
routes:
  - {{path: /ws, to: moody}}
  - {{path: /stream, events: {{file: ./lines/lines.jsonl, target: job}}}}
  - {{path: /*, files: ./page}}
"""


@pytest.fixture
def signed_in(reeve, page):
    for name in ("page", "lines"):
        (reeve.folder / name).mkdir()
    (reeve.folder / "lines/lines.jsonl").touch()
    (reeve.folder / "page/index.html").write_text(PAGE)
    reeve.configure(EVENTS.format(moody=program("moody.py")))
    add_user(reeve, "ann")
    reeve.start()
    for name in ("moody", "job"):
        reeve.wait_state(name, "ready", timeout=20)
    sign_in(page, f"http://127.0.0.1:{reeve.port}")
    page.waitForFunction("window.begin")
    return reeve


def test_signing_out_leads_to_the_sign_in_page(signed_in, page):
    """And from there back, with both open again."""
    page.evaluate("begin()")
    is_open(page)
    page.evaluate("void fetch('/_reeve/logout', {method: 'POST'}).catch(() => 0)")
    page.waitForFunction("location.pathname === '/_reeve/login'")
    page.fill("[name=user]", "ann")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.waitForFunction("window.begin")
    page.evaluate("begin()")
    is_open(page)


def test_the_end_is_the_end(signed_in, page):
    """`end` stops the stream; whoever asks again is told with 204."""
    page.evaluate("begin()")
    is_open(page)
    signed_in.verb("stop", "job")
    page.waitForFunction("seen.stream.link.state === 'stopped'")
    assert page.evaluate("seen.stream.named.at(-1)")[0] == "end"
    assert page.evaluate("seen.stream.got.map(([data]) => data)") == ["1"]
    page.evaluate("seen.stream.link.retry()")
    page.waitForFunction("seen.stream.states.filter(([state, why]) => state === 'stopped' && why === 'ended').length === 2")
    assert len(page.evaluate("seen.stream.got")) == 1
