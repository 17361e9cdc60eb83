"""The page of a terminal route: two tabs on one terminal, one watching; the network cut, reeve killed and started again."""
import socket
import threading

import pytest

import kernel
from conftest import Trouble, free_port, wait_for
from test_login import add_user, sign_in

SHELL = """
services: {{shell: {{command: [bash, --norc, -i], env: {{PS1: '$ '}}, terminal: {{}}, {more}}}}}
routes: [{{path: /t/*, terminal: shell}}]
"""


class Cable:
    """A way to a port that can be cut: `pull()` ends what is open and refuses all, `freeze()` lets nothing through any more
    without saying so, `plug()` mends it."""

    def __init__(self, port):
        self.to, self.port = port, free_port()
        self.pulled, self.frozen, self.ends = False, threading.Event(), []
        self.frozen.set()  # set: bytes pass
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.pulled:
                    raise OSError
                server = socket.create_connection(("127.0.0.1", self.to), timeout=20)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            self.ends += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other, self.frozen), daemon=True).start()

    def _pump(self, one, other, passes):
        try:
            while data := one.recv(65536):
                passes.wait()
                other.sendall(data)
        except OSError:
            pass
        for each in one, other:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        ends, self.ends = self.ends, []
        for each in ends:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pull(self):
        self.pulled = True
        self.cut()

    def freeze(self):
        self.frozen.clear()

    def plug(self):
        """What was frozen stays so: its ends are as good as gone."""
        self.pulled, self.frozen = False, threading.Event()
        self.frozen.set()

    def close(self):
        self.listener.close()
        self.cut()


@pytest.fixture
def cable(reeve):
    cable = Cable(reeve.port)
    yield cable
    cable.close()


SCREEN = """(() => {
  const {active} = reeve.terminal.buffer, lines = [];
  for (let row = 0; row < active.length; row++) lines.push(active.getLine(row).translateToString(true));
  return lines.join("\\n").trimEnd();
})()"""


def looked(page, condition):
    """None while another page takes its place."""
    try:
        return page.evaluate(condition)
    except Trouble as trouble:
        if "context was destroyed" not in str(trouble):
            raise
        return None


def until(page, condition):
    """Not waitForFunction(), which needs eval() in the page: its policy forbids that."""
    wait_for(lambda: looked(page, condition), 45, f"{condition}; the page shows {page.textContent('body')[-500:]!r}")


def opened(page, address):
    page.goto(f"{address}/t/")
    return is_open(page)


def is_open(page):
    until(page, "globalThis.reeve?.link.state === 'open' && reeve.place !== null")
    return page


def watch(page):
    """From now on `lost` says whether the connection was, however soon it is back."""
    page.evaluate("""{
  const bar = document.getElementById("bar");
  globalThis.lost = false;
  new MutationObserver(() => lost ||= bar.dataset.state !== "open").observe(bar, {attributeFilter: ["data-state"]});
}""")


def types(page, text):
    page.type(".xterm-helper-textarea", text)
    page.press(".xterm-helper-textarea", "Enter")


def shows(page, text):
    until(page, f"{SCREEN}.includes({text!r})")


def same_screen(*pages):
    wait_for(lambda: len({page.evaluate(SCREEN) for page in pages}) == 1, 20, "the same screen in all")


def well(page):
    assert not [line for line in page.told() if line.startswith("uncaught") or "Content Security" in line], page.told()


def test_two_tabs_one_watching(reeve, cable, browser):
    reeve.configure("""
auth: {method: password, users: ./users}
services: {shell: {command: [bash, --norc, -i], env: {PS1: '$ '}, terminal: {}}}
routes: [{path: /t/*, terminal: shell, allow: ["user:ann"], view: ["user:eve"]}, {path: /*, files: ./page}]
""")
    (reeve.folder / "page").mkdir()
    (reeve.folder / "page/index.html").write_text("<!doctype html><title>in</title>")
    for name in ("ann", "eve"):
        add_user(reeve, name)
    reeve.start()
    reeve.wait_state("shell", "ready", timeout=20)
    address = f"http://127.0.0.1:{cable.port}"
    ann, eve = browser.page(viewport={"width": 900, "height": 500}), browser.page(viewport={"width": 700, "height": 400}, colorScheme="dark")
    sign_in(ann, address)
    ann.waitForURL(f"{address}/")
    opened(ann, address)
    eve.goto(f"{address}/t/")
    assert "/_reeve/login" in eve.url()
    eve.fill("[name=user]", "eve")
    eve.fill("[name=password]", "correct horse battery staple")
    eve.click("button")
    is_open(eve)
    types(ann, "printf '\\033]0;ann at work\\007\\033[1;32mgreen\\033[0m \\u4f60\\u597d \\U1f600 %s\\n' one$((1))")
    for page in ann, eve:
        shows(page, "one1")
        until(page, "document.title === 'ann at work'")
    assert "watching" in eve.textContent("#status") and ann.evaluate("document.getElementById('bar').hidden") is True
    eve.evaluate("reeve.terminal.input('echo forbidden$((1))\\r'), reeve.link.send('0echo forbidden$((2))\\r')")
    types(ann, "echo two$((2))")
    shows(eve, "two2")
    same_screen(ann, eve)
    assert "forbidden" not in ann.evaluate(SCREEN)
    ann.picture("terminal")
    eve.picture("terminal-watching-dark")
    ann.setViewportSize({"width": 640, "height": 420})
    columns = ann.evaluate("reeve.terminal.cols")
    until(ann, f"reeve.terminal.cols < {columns}")
    types(ann, "stty size")
    shows(eve, f"{ann.evaluate('reeve.terminal.rows')} {ann.evaluate('reeve.terminal.cols')}")
    same_screen(ann, eve)
    both_come_back(reeve, cable, ann, eve)
    for page in ann, eve:
        well(page)
        page.leave()


def both_come_back(reeve, cable, ann, eve):
    """The network is cut for both; what the program says meanwhile is there afterwards."""
    cut, over = reeve.folder / "cut", reeve.folder / "over"
    types(ann, f"until test -e {cut}; do sleep 0.1; done; seq 300; echo meanwhile$((1)); touch {over}")
    cable.pull()
    for page in ann, eve:
        until(page, "reeve.link.state === 'waiting'")
    cut.touch()
    wait_for(over.exists, 20, "the program to go on alone")
    cable.plug()
    for page in ann, eve:
        shows(is_open(page), "meanwhile1")
    same_screen(ann, eve)


def test_the_network_is_cut(reeve, cable, browser):
    """Ended and refused, then frozen without a word: each time the page comes back by itself with the screen as it is."""
    reeve.start(SHELL.format(more=""))
    reeve.wait_state("shell", "ready", timeout=20)
    far, near = browser.page(), browser.page()
    opened(far, f"http://127.0.0.1:{cable.port}")
    opened(near, f"http://127.0.0.1:{reeve.port}")
    types(far, "echo before$((1))")
    shows(near, "before1")
    cable.pull()
    until(far, "reeve.link.state === 'waiting'")
    assert "Reconnecting" in far.textContent("#status")
    far.picture("terminal-cut")
    types(near, "clear; seq 1 200; echo meanwhile$((1))")
    shows(near, "meanwhile1")
    cable.plug()
    shows(is_open(far), "meanwhile1")
    same_screen(far, near)
    cable.freeze()
    types(near, "echo frozen$((1))")
    shows(near, "frozen1")
    assert "frozen1" not in far.evaluate(SCREEN)
    cable.plug()
    far.evaluate("dispatchEvent(new Event('online'))")
    shows(far, "frozen1")
    same_screen(far, near)
    for page in far, near:
        well(page)
        page.leave()


def test_reeve_is_killed_and_started_again(reeve, browser):
    """SIGKILL of its gates, then of all but the holds: the page carries on by itself, on the same terminal."""
    reeve.start(SHELL.format(more=""))
    reeve.wait_state("shell", "ready", timeout=20)
    pages = [browser.page(), browser.page()]
    for page in pages:
        opened(page, f"http://127.0.0.1:{reeve.port}")
    types(pages[0], "echo first$((1))")
    shows(pages[1], "first1")
    for page in pages:
        watch(page)
    for gate in reeve.gates():
        kernel.kill(gate)
    for page in pages:
        until(page, "lost")
        shows(is_open(page), "first1")
    types(pages[1], "echo second$((2))")
    shows(pages[0], "second2")
    gates = reeve.gates()
    reeve.kill_keeper()
    for gate in gates:
        kernel.kill(gate)
    for page in pages:
        until(page, "reeve.link.state !== 'open'")
    pages[0].picture("terminal-reeve-killed")
    reeve.start()
    for page in pages:
        shows(is_open(page), "second2")
    types(pages[0], "echo third$((3))")
    shows(pages[1], "third3")
    same_screen(*pages)
    for page in pages:
        well(page)
        page.leave()


def test_the_program_ends_and_is_started_again(reeve, page):
    """By the one whose instance it is, with a button; of a service by the operator, and the page comes back by itself."""
    shell = "{command: [bash, --norc, -i], env: {PS1: '$ '}, terminal: {}"
    reeve.start(f"""
services: {{shell: {shell}}}}}
templates: {{own: {shell}, create: request}}}}
routes: [{{path: /t/*, terminal: shell}}, {{path: "/own/{{id}}/t/*", terminal: "own/{{id}}"}}]
""")
    reeve.wait_state("shell", "ready", timeout=20)
    opened(page, f"http://127.0.0.1:{reeve.port}/own/a1")
    types(page, "exit 3")
    until(page, "document.getElementById('bar').dataset.state === 'ended'")
    assert page.textContent("#status") == "The program exited with 3."
    shows(page, "exited with 3]")
    page.picture("terminal-ended")
    page.click("#again")
    is_open(page)
    types(page, "echo again$((1))")
    shows(page, "again1")
    opened(page, f"http://127.0.0.1:{reeve.port}")
    types(page, "exit 3")
    until(page, "document.getElementById('bar').dataset.state === 'ended'")
    reeve.verb("restart", "shell")
    is_open(page)
    types(page, "echo again$((2))")
    shows(page, "again2")
    well(page)


def test_a_restart_of_reeve(reeve, page):
    """The program ends with it; when both are back the page shows the new one, and nobody has touched it."""
    reeve.start(SHELL.format(more=""))
    reeve.wait_state("shell", "ready", timeout=20)
    opened(page, f"http://127.0.0.1:{reeve.port}")
    types(page, "echo old$((1))")
    shows(page, "old1")
    reeve.stop()
    reeve.start()
    until(page, f"reeve.link.state === 'open' && !{SCREEN}.includes('old1')")
    types(page, "echo new$((1))")
    shows(page, "new1")
    well(page)
