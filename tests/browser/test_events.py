"""An EventSource with nothing but `onmessage` gets the lines of a growing file: each once, in order, byte for byte."""
import json

import pytest

import kernel
from conftest import wait_for

PAGE = """<!doctype html><title>events</title><script>
const got = [], named = [];
const events = new EventSource("events");
events.onmessage = (event) => got.push(event.data);
for (const name of ["reset", "end", "timeout", "bye"]) events.addEventListener(name, () => named.push(name));
</script>"""

LINES = ['{"plain": 1}', ' {"a": "leading space"}', 'data: {"looks": "like a field"}', ": a comment?", "id: 7", "event: end",
         '{"quotes": "\\" \\\\ \\/"}', '{"umlauts": "äöü", "clef": "𝄞", "joined": "👩‍🔬"}', '{"separators": "\u2028\u2029\x85"}',
         '{"tab":\t1}', "not JSON at all", "   ", "[" + "0, " * 30_000 + "0]", '{"trailing": "space"} ', "\ufeff{}"]


@pytest.fixture
def stream(reeve):
    (reeve.folder / "page").mkdir()
    (reeve.folder / "page/index.html").write_text(PAGE)
    (reeve.folder / "lines").mkdir()
    reeve.start("""
routes:
  - {path: /events, events: {file: ./lines/lines.jsonl}}
  - {path: /*, files: ./page}
""")
    return reeve


def append(reeve, text):
    with open(reeve.folder / "lines/lines.jsonl", "ab", buffering=0) as file:
        file.write(text.encode())


def got(page, count):
    page.waitForFunction(f"got.length >= {count}")
    return page.evaluate("got")


def test_each_line_byte_for_byte(stream, page):
    append(stream, "".join(line + "\n" for line in LINES[:7]))
    page.goto(f"http://127.0.0.1:{stream.port}/")
    assert got(page, 7) == LINES[:7]
    for line in LINES[7:]:
        half = len(line) // 2
        append(stream, line[:half])
        append(stream, line[half:] + "\n")
    assert got(page, len(LINES)) == LINES
    assert page.evaluate("named") == []


def test_the_browser_resumes_behind_the_last_line(stream, page):
    """Whatever ends the connection: a gate that is killed here."""
    page.goto(f"http://127.0.0.1:{stream.port}/")
    append(stream, '{"n": 0}\n')
    got(page, 1)
    count = len(stream.gates())
    for number in range(1, 4):
        for gate in stream.gates():
            kernel.kill(gate)
        append(stream, json.dumps({"n": number}) + "\n")
        got(page, number + 1)
    wait_for(lambda: len(stream.gates()) == count, 20, "all gates to be back")
    assert [json.loads(line)["n"] for line in page.evaluate("got")] == [0, 1, 2, 3]
    assert "reset" not in page.evaluate("named")
