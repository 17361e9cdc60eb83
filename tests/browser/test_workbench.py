"""The page of `make run`, as somebody uses it who opens it for the first time."""
import re

import pytest

from workbench import start


@pytest.fixture
def site(reeve, page):
    start(reeve)
    reeve.wait_state("api", "ready")
    reeve.wait_state("feed", "ready")
    page.goto(f"http://127.0.0.1:{reeve.port}/")
    page.waitForSelector("#api.up")
    page.waitForSelector("#feed.up")
    return reeve


def test_a_killed_api_comes_back_before_ones_eyes(site, page):
    pid = page.textContent("#api [data-is=pid]")
    assert int(pid) == site.target("api")["run"]["pid"]
    page.picture("workbench")
    page.click("#kill")
    page.waitForSelector("#api.down")
    told = page.textContent("#api .trouble")
    assert re.match(r"50[23]", told), told
    page.picture("workbench-api-killed")
    page.waitForSelector("#api.up", {"timeout": 60000})
    assert page.textContent("#api [data-is=pid]") != pid
    history = page.textContent(".history")
    assert "asked the API to kill itself" in history and f"pid {pid} →" in history
    assert page.textContent("#feed [data-is=dials]") == "1", "the feed was not disturbed"
    assert not [line for line in page.told() if line.startswith("uncaught")]
