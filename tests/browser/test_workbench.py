"""The page of `make run`, as somebody uses it who opens it for the first time."""
import re
import subprocess

import pytest

from conftest import BIN, wait_for
from workbench import copy, start


def opened(reeve, page):
    page.goto(f"http://127.0.0.1:{reeve.port}/")
    for card in ("api", "feed", "meter", "lamps", "jobs"):
        page.waitForSelector(f"#{card}.up")
    return page


@pytest.fixture
def site(reeve, page):
    opened(start(copy(reeve)), page)
    yield reeve
    assert not [line for line in page.told() if line.startswith("uncaught")]


def note(page, card, what):
    """Keeps in `noted` what that is whenever the card changes: it may be something else before somebody looks."""
    page.evaluate(f"""{{
  globalThis.noted = [];
  new MutationObserver(() => noted.push({what})).observe(document.querySelector("{card}"),
                                                         {{subtree: true, childList: true, attributes: true}});
}}""")


def told(page, text, seconds=60):
    """The history says so."""
    page.waitForFunction(f"document.querySelector('.history').textContent.includes({text!r})", None,
                         {"timeout": seconds * 1000})


def test_a_killed_api_comes_back_before_ones_eyes(site, page):
    pid = page.textContent("#api [data-is=pid]")
    assert int(pid) == site.target("api")["run"]["pid"]
    note(page, "#api", "document.querySelector('#api.down .trouble')?.textContent")
    page.click("#kill")
    page.waitForFunction("noted.some(Boolean)")
    trouble = page.evaluate("noted.find(Boolean)")
    assert re.match(r"50[23]", trouble), trouble
    page.picture("workbench-api-killed")
    page.waitForSelector("#api.up", {"timeout": 60000})
    assert page.textContent("#api [data-is=pid]") != pid
    told(page, "asked the API to kill itself")
    told(page, f"pid {pid} →")
    assert page.textContent("#feed [data-is=dials]") == "1", "the feed was not disturbed"


def test_the_chart_moves(site, page):
    page.waitForFunction("+document.querySelector('#meter [data-is=lines]').textContent > 4")
    before = page.evaluate("document.querySelector('#meter canvas').toDataURL()")
    page.waitForFunction("+document.querySelector('#meter [data-is=lines]').textContent > 8")
    assert page.evaluate("document.querySelector('#meter canvas').toDataURL()") != before
    assert re.fullmatch(r"\d+ %", page.textContent("#meter [data-is=memory]"))


def test_the_loop_lights_the_lamps_again(site, page):
    page.waitForFunction("document.querySelectorAll('#lamps .burns').length === 8")
    note(page, "#lamps", "document.querySelectorAll('#lamps .burns').length")
    page.click("#out")
    page.waitForFunction("noted.includes(5)")
    page.waitForFunction("document.querySelectorAll('#lamps .burns').length === 8", None, {"timeout": 60000})
    told(page, "the loop lit")


def test_the_house_in_a_terminal(site, page, browser):
    """Two look at one program; a key of the one puts out a lamp before the eyes of the other."""
    page.waitForSelector("#lamps a[href='house/']")
    lamps = site.folder / "data/lamps"
    wait_for(lambda: len(list(lamps.iterdir())) == 8, 20, "all lamps")
    pages = [browser.page(viewport={"width": 800, "height": 420}) for _ in range(2)]
    for each in pages:
        each.goto(f"http://127.0.0.1:{site.port}/house/")
        wait_for(lambda each=each: "8 of 8 lamps burn" in each.textContent("#terminal"), 30, "the house")
    pages[0].press(".xterm-helper-textarea", "1")
    wait_for(lambda: "put out" in pages[1].textContent("#terminal"), 30, "the other to see it")
    pages[1].picture("workbench-house")
    wait_for(lambda: "8 of 8" in pages[1].textContent("#terminal"), 30, "the loop to light it")
    for each in pages:
        each.leave()


def test_jobs_end_fail_and_are_stopped(site, page):
    page.click("#start")
    page.waitForSelector("#jobs .list li:nth-child(1)")
    page.click("#start-failing")
    page.waitForSelector("#jobs .list li:nth-child(2)")
    page.waitForSelector("#jobs .failed", {"timeout": 60000})
    assert "exited with 3" in page.textContent("#jobs .failed span")
    page.waitForSelector("#jobs .done", {"timeout": 60000})
    assert page.evaluate("document.querySelector('#jobs .done progress').position") == 1
    page.evaluate("""{
  const plain = fetch;
  globalThis.fetch = (url, given) => plain(url, given && {...given, body: given.body?.replace("12", "400")});
}""")  # one that is not over before somebody stops it
    page.click("#start")
    page.waitForSelector("#jobs .list li:nth-child(3)")
    page.waitForFunction("document.querySelector('#jobs li progress').value > 1")
    page.picture("workbench")
    page.click("#jobs li:first-child button")
    page.waitForFunction("document.querySelector('#jobs li:first-child button').disabled", None, {"timeout": 60000})


def command(reeve, *words, **more):
    return subprocess.run([BIN, "-c", reeve.file, *words], check=True, text=True, capture_output=True, cwd=reeve.folder,
                          **more).stdout


def test_with_sign_in(reeve, page):
    """reeve.auth.yaml, as its head says."""
    copy(reeve)
    reeve.file = reeve.folder / "reeve.auth.yaml"
    command(reeve, "user", "add", "ann", input="correct horse\n")
    (reeve.folder / "api.token").write_text(command(reeve, "token", "create", "api").splitlines()[-1])
    start(reeve)
    page.goto(f"http://127.0.0.1:{reeve.port}/")
    page.fill("[name=user]", "ann")
    page.fill("[name=password]", "correct horse")
    page.click("button")
    page.waitForURL(f"http://127.0.0.1:{reeve.port}/")
    opened(reeve, page)
    page.waitForSelector("#session >> text=ann")
    page.click("#start")
    page.waitForSelector("#jobs .done", {"timeout": 60000})
    page.picture("workbench-signed-in")
    page.click("#session button")
    page.waitForFunction("location.pathname.startsWith('/_reeve/')")
    page.goto(f"http://127.0.0.1:{reeve.port}/")
    assert "/_reeve/login" in page.url()
