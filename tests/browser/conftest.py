"""Browser tests: Debian's Chromium against the real reeve, with the harness of the system tests, fixtures included.

Chromium is driven by playwright-core in a Node process (driver.mjs); a Page here passes calls on to a page there. What
a test wants to look at later it keeps with Page.picture(): pictures lie in the build folder, in `browser`."""
import contextlib
import importlib.util
import itertools
import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = HERE.parent / "system"
sys.path.insert(0, str(SYSTEM))
_spec = importlib.util.spec_from_file_location("system_conftest", SYSTEM / "conftest.py")
_harness = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_harness)
globals().update({name: value for name, value in vars(_harness).items() if not name.startswith("__")})

PICTURES = pathlib.Path(_harness.BIN).resolve().parent / "browser"


class Trouble(AssertionError):
    """What the browser answered instead of doing it."""


class Page:
    """A page in a context (cookies, storage) of its own: page.goto(URL), page.fill(SELECTOR, TEXT), page.evaluate(JS)
    ... as https://playwright.dev/docs/api/class-page has them, one call at a time, arguments and results in JSON."""

    def __init__(self, browser, name):
        self.browser, self.name = browser, name

    def __getattr__(self, call):
        return lambda *arguments: self.browser.ask(self.name, call, *arguments)

    def told(self):
        """What the page has written to its console so far, errors of its scripts included."""
        return self.browser.ask(self.name, "told")

    def cookies(self):
        return self.browser.ask(self.name, "cookies")

    def picture(self, name):
        """Keeps a picture of the whole page."""
        PICTURES.mkdir(exist_ok=True)
        self.screenshot({"path": str(PICTURES / f"{name}.png"), "fullPage": True})


class Browser:
    """One Chromium, started through another command if one is given (`ip netns exec ...`)."""

    def __init__(self, *through):
        import npm
        modules = npm.install(HERE / "playwright")
        self.process = subprocess.Popen([*through, "node", HERE / "driver.mjs", modules / "playwright-core/index.mjs"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.names = map(str, itertools.count(1))

    def ask(self, page, call, *arguments):
        print(json.dumps({"page": page, "call": call, "arguments": arguments}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise Trouble(f"the driver has ended with {self.process.wait(10)}")
        answer = json.loads(line)
        if "trouble" in answer:
            raise Trouble(f"{call}{arguments}: {answer['trouble']}")
        return answer.get("result")

    def page(self, **options):
        """A page in a fresh context; options as for browser.newContext()."""
        name = next(self.names)
        self.ask(name, "open", options)
        return Page(self, name)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0


@contextlib.contextmanager
def started_browser(*through):
    browser = Browser(*through)
    try:
        yield browser
        browser.close()
    finally:
        if browser.process.poll() is None:
            browser.process.kill()
            browser.process.wait()


@pytest.fixture(scope="session")
def browser():
    with started_browser() as browser:
        yield browser


@pytest.fixture
def page(browser):
    page = browser.page()
    yield page
    page.leave()
