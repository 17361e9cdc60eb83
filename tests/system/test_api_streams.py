"""Streams of the API: output, events and decisions, one topic or several in one stream."""
import contextlib
import http.client
import json
import os
import time
import urllib.parse

import pytest

from conftest import PYTHON, wait_for
from eventstreams import Stream, Writer

BASE = "/_reeve/api/v1/"
TALKER = """
import sys, time
for i in range(int(sys.argv[1])):
    print(f"line {i:05d} " + "x" * 50, flush=True)
while True:
    time.sleep(1000)
"""


def console(reeve):
    return urllib.parse.urlsplit(reeve.status()["keeper"]["console"]).port


def journal(reeve, target=None):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", console(reeve), timeout=120)) as connection:
        connection.request("GET", BASE + "journal" + (f"?target={target}" if target else ""))
        return json.loads(connection.getresponse().read())["rows"]


class Streams:
    """Opens streams of one reeve's API; they are closed with it."""

    def __init__(self, reeve):
        self.reeve, self.stack = reeve, contextlib.ExitStack()

    def __call__(self, path, after=None):
        stream = Stream(self.reeve, BASE + path, after=after, port=console(self.reeve))
        assert stream.status == 200, (path, stream.response.read())
        return self.stack.enter_context(contextlib.closing(stream))

    def refused(self, path):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", console(self.reeve), timeout=120)) as connection:
            connection.request("GET", BASE + path)
            response = connection.getresponse()
            assert json.loads(response.read())["status"] == response.status
            return response.status


@pytest.fixture
def streams(reeve):
    opened = Streams(reeve)
    with opened.stack:
        yield opened


def start(reeve, folder, lines=3):
    (reeve.folder / "talker.py").write_text(TALKER)
    reeve.start(f"""
services:
  talker: {{command: [{PYTHON}, talker.py, "{lines}"], listen: none, output: {{max: 64k, keep: 20}}}}
  other: {{command: [sleep, "1000"], listen: none}}
templates:
  job: {{command: [sleep, "1000"], listen: none}}
routes:
  - {{path: /other, events: {{file: "{folder}/events.jsonl", target: other, event: type}}}}
  - {{path: "/jobs/{{id}}/x/{{kind}}", events: {{file: "{folder}/{{id}}-{{kind}}.jsonl", target: "job/{{id}}"}}}}
  - {{path: "/jobs/{{id}}", events: {{file: "${{instance_dir}}/events.jsonl", target: "job/{{id}}"}}}}
""", workers=2)
    for name in ("talker", "other"):
        reeve.wait_state(name, "ready")


def texts(stream, count, name="message"):
    found = []
    while len(found) < count:
        event = stream.event()
        assert event and event[0] == name, (event, len(found))
        found.append(json.loads(event[1])["text"])
    return found


def lines(first, last):
    return [f"line {i:05d} " + "x" * 50 for i in range(first, last)]


def test_log(reeve, folder, streams):
    """Over rotations, from the oldest file that is there; a reader that comes back goes on in a file with a number."""
    start(reeve, folder, lines=3000)
    first = streams("services/talker/log")
    assert texts(first, 1000) == lines(0, 1000)
    place = first.id
    wait_for(lambda: len(os.listdir(reeve.state / "log/talker")) > 4, 20, "rotations")
    reeve.kill_gates()
    wait_for(lambda: reeve.get("/ready")[0] == 200, 20, "new gates")
    again = streams("services/talker/log", after=place)
    assert texts(again, 2000) == lines(1000, 3000)
    late = streams("services/talker/log")
    assert texts(late, 3000) == lines(0, 3000)
    reeve.verb("restart", "talker")
    for stream in (again, late):
        assert texts(stream, 1) == lines(0, 1)


def test_log_from_the_end(reeve, folder, streams):
    start(reeve, folder)
    every = streams("services/talker/log")
    assert texts(every, 3) == lines(0, 3)
    fresh = streams("services/talker/log?from=end")
    behind = streams(f"services/talker/log?from={every.id}")
    reeve.verb("restart", "talker")
    for stream in (fresh, behind, every):
        assert texts(stream, 3) == lines(0, 3)
    assert streams("services/talker/log?from=abc:1:2").named("reset") == {"from": "abc:1:2", "reason": "gone"}


def test_events_of_a_target(reeve, folder, streams):
    start(reeve, folder)
    writer = Writer(folder / "events.jsonl")
    writer.write(b'{"type": "a"}\n{"type": "b"}\n')
    stream = streams("services/other/events?type=b")
    assert stream.event()[:2] == ("b", b'{"type": "b"}')
    reeve.verb("create", "job", "a1")
    (reeve.state / "instances/job/a1/events.jsonl").write_bytes(b"1\n")
    job = streams("instances/job/a1/events")
    assert job.lines(1) == [b"1"]
    reeve.verb("stop", "job/a1")
    assert job.named("end")["target"] == "job/a1"
    assert streams.refused("services/talker/events") == 404


def test_history(reeve, folder, streams):
    start(reeve, folder)
    reeve.verb("restart", "other")
    history = streams("services/other/history")
    rows = journal(reeve, "other")
    assert len(rows) > 2
    seen = [json.loads(history.event()[1]) for _ in rows]
    assert [(row["event"], row["evidence"]) for row in seen] == [(row["event"], row["evidence"]) for row in rows]
    place = history.id
    assert [row["id"] for row in seen] == sorted({row["id"] for row in seen})
    fresh = streams("services/other/history?from=end")
    reeve.verb("restart", "other")
    more = json.loads(history.event()[1])
    assert more["target"] == "other" and more["id"] > seen[-1]["id"]
    again = streams("services/other/history", after=place)
    assert json.loads(again.event()[1]) == json.loads(fresh.event()[1]) == more
    generation, number, check = place.split(":")
    other = streams("services/other/history", after=f"{generation}:{number}:{int(check, 16) ^ 1:x}")
    assert other.named("reset")["reason"] == "changed"
    assert json.loads(other.event()[1]) == seen[0]
    beyond = streams("services/other/history", after="1:999999:1")
    assert beyond.named("reset") == {"from": "1:999999:1", "reason": "changed"}


def until(stream, name, condition=lambda data: True):
    """The next event of that name for which it holds; what came before is kept in `stream.passed`."""
    stream.passed = []
    while True:
        event = stream.event()
        assert event, stream.passed
        stream.passed.append(event)
        if event[0] == name and condition(json.loads(event[1])):
            return json.loads(event[1])


def test_several_topics(reeve, folder, streams):
    """One id for all of them: who comes back, to another gate or another start of reeve, gets the rest of each."""
    start(reeve, folder)
    writer = Writer(folder / "events.jsonl")
    topics = "targets,journal,log:talker,events:other,history:talker"
    stream = streams(f"stream?topics={topics}")
    until(stream, "log:talker", lambda data: data["text"] == lines(2, 3)[0])
    writer.write(b'{"type": "a"}\n')
    until(stream, "events:other")
    until(streams("stream?topics=targets"), "targets", lambda row: row["name"] == "talker" and row["state"] == "ready")
    reeve.verb("stop", "talker")
    until(stream, "targets", lambda row: row["name"] == "talker" and row["state"] == "down")
    rows = [row["event"] for row in journal(reeve, "talker")]
    history = streams("stream?topics=history:talker&from=start")
    assert [json.loads(history.event()[1])["event"] for _ in rows] == rows
    place = None
    seen = streams(f"stream?topics={topics}&from=start")
    until(seen, "events:other")
    place = seen.id
    assert place.count(";") == 5
    writer.write(b'{"type": "b"}\n')
    reeve.stop()
    reeve.start()
    reeve.verb("start", "talker")
    back = streams(f"stream?topics={topics}", after=place)
    assert until(back, "events:other") == {"type": "b"}
    assert not any(event[0] == "reset" for event in back.passed)
    news = streams(f"stream?topics={topics}&from=end")
    reeve.verb("create", "job", "b2")
    assert until(news, "targets", lambda row: row["name"] == "job/b2")["kind"] == "instance"
    reeve.verb("rm", "job/b2")
    assert until(news, "targets", lambda row: row["name"] == "job/b2" and row.get("gone")) == {
        "name": "job/b2", "gone": True}


def test_journal_in_order(reeve, folder, streams):
    """Each row once and in order, for readers that come at any time and for one that takes its time."""
    start(reeve, folder)
    readers = [streams("stream?topics=journal"), streams("stream?topics=journal&from=end")]
    for _ in range(3):
        reeve.verb("restart", "other")
        readers.append(streams("stream?topics=journal"))
        readers.append(streams("stream?topics=journal", after=readers[0].id))
    last = json.loads(readers[-1].event()[1])["id"]
    newest = len(journal(reeve))
    for reader in readers:
        numbers = []
        while not numbers or numbers[-1] < max(newest, last):
            event = reader.event()
            assert event[0] == "journal"
            numbers.append(json.loads(event[1])["id"])
        assert numbers == list(range(numbers[0], numbers[-1] + 1))


def test_long_lines_between_topics(reeve, folder, streams):
    """While a line of 8 MiB is on its way, nothing of another topic gets into it."""
    start(reeve, folder)
    writer = Writer(folder / "events.jsonl")
    stream = streams("stream?topics=events:other,log:talker,journal")
    until(stream, "log:talker", lambda data: data["text"] == lines(2, 3)[0])
    long = json.dumps({"text": "x" * (8 << 20)}).encode()
    writer.write(long + b"\n")
    reeve.verb("restart", "talker")
    time.sleep(0.3)  # the client takes nothing meanwhile
    got = until(stream, "events:other")
    assert len(got["text"]) == 8 << 20
    names = [event[0] for event in stream.passed]
    while names.count("log:talker") < 3:
        names.append(stream.event()[0])
    assert names.count("events:other") == 1


def test_who_asks_wrongly(reeve, folder, streams):
    start(reeve, folder)
    for path, status in (("stream", 400), ("stream?topics=", 400), ("stream?topics=nonsense", 400),
                         ("stream?topics=log:", 400), ("stream?topics=journal,journal", 400),
                         ("stream?topics=log:nobody", 404), ("stream?topics=events:talker", 404),
                         ("stream?topics=journal&type=a", 400), ("services/nobody/log", 404),
                         ("services/nobody/history", 404), ("instances/job/none/log", 404),
                         ("stream?topics=" + ",".join(f"log:n{i}" for i in range(17)), 400)):
        assert streams.refused(path) == status, path
    odd = streams("stream?topics=history:talker", after="nonsense")
    assert odd.named("reset") == {"from": "nonsense", "reason": "unknown"}
    other = streams("stream?topics=history:talker,journal", after=odd.id)
    assert other.named("reset")["reason"] == "unknown"
