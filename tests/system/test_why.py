"""`reeve why` and `reeve signal`: sentences with times, from the rows that were really written."""
import datetime
import json
import os
import re

from conftest import PYTHON, program, seconds, wait_for

TIME = r"^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d "
PROCESS = r"pid \d+ \(started (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d, nonce ok\)"
BY = rf"by uid {os.geteuid()}"


def lines(reeve, *words):
    return reeve.verb("why", *words).stdout.splitlines()


def has(told, pattern):
    found = [line for line in told if re.search(TIME + pattern + "$", line)]
    assert found, f"{pattern}\n  is none of\n" + "\n".join(told)
    return found


def test_a_life_in_sentences(reeve):
    reeve.start(f"""services:
  web: {{command: [{program("echo.py")}, --port, "${{PORT}}"], listen: tcp}}
""")
    reeve.wait_state("web", "ready")
    has(lines(reeve, "web"), r"web was started: generation 1 on 127\.0\.0\.1:\d+, pid \d+; ready after [0-9.]+ s")
    reeve.verb("signal", "web", "SIGCONT")
    has(lines(reeve, "web"), rf"web got a signal: SIGCONT to {PROCESS}, {BY}")
    reeve.verb("restart", "web")
    told = lines(reeve, "web")
    has(told, rf"web was restarted: {BY}; SIGTERM to {PROCESS}; (exited \d+|killed by SIGTERM) after [0-9.]+ s")
    has(told, r"web was started: generation 2 .*; ready after [0-9.]+ s")
    reeve.verb("stop", "web")
    told = lines(reeve, "web")
    has(told, rf"web was stopped: {BY}; SIGTERM to {PROCESS}; (exited \d+|killed by SIGTERM) after [0-9.]+ s")
    assert told[-1] == "now: web is down: stopped by the operator"
    reeve.verb("start", "web")
    has(lines(reeve, "web"), rf"web was started: {BY} \(it was down\); generation 3 .*; ready after [0-9.]+ s")


def test_failures_in_sentences(reeve):
    reeve.start(f"""services:
  doomed: {{command: [{PYTHON}, -c, "import sys; sys.exit(7)"], backoff: {{initial: 60s, max: 60s}}}}
  absent: {{command: [/nonexistent/program], backoff: {{initial: 60s, max: 60s}}}}
  silent: {{command: [sleep, "1000"], listen: tcp, ready: {{timeout: 200ms}}, backoff: {{initial: 60s, max: 60s}}}}
""")
    for name in "doomed", "absent", "silent":
        reeve.wait_state(name, "backoff")
    told = lines(reeve, "doomed")
    has(told, r"doomed exited with 7 after [0-9.]+ s( \(pid \d+\))?; next attempt in \d+ s")  # gone before it was looked at
    assert told[-1].startswith("now: doomed is backoff: exited with 7") and "next attempt at" in told[-1]
    has(lines(reeve, "absent"), r"absent .*/nonexistent/program.*; next attempt in \d+ s")
    has(lines(reeve, "silent"), rf".*did not get ready: .*; SIGTERM to {PROCESS}; killed by SIGTERM after .*")


def test_a_new_keeper_tells_of_the_old_one(reeve):
    reeve.start(f"""services:
  web: {{command: [{program("echo.py")}, --port, "${{PORT}}"], listen: tcp}}
""")
    pid = reeve.wait_state("web", "ready")["run"]["pid"]
    reeve.kill_keeper()
    reeve.start()
    wait_for(lambda: reeve.target("web")["state"] == "ready", what="web to be adopted")
    has(lines(reeve, "web"), rf"web was adopted: {PROCESS}, kept by hold \d+; ready after [0-9.]+ s")
    assert reeve.target("web")["run"]["pid"] == pid
    told = lines(reeve)
    assert len(has(told, r"reeve was started: pid \d+")) == 2
    has(told, r"reeve serves")


def test_loops_have_sentences_too(reeve):
    reeve.start("loops: {good: {every: 1h, command: ['true']}, bad: {every: 1h, command: ['false']}}\n")
    wait_for(lambda: "now: good is waiting: exited with 0 after" in reeve.verb("why", "loop:good").stdout,
             what="its first run")
    wait_for(lambda: "now: bad is waiting: exited with 1 after" in reeve.verb("why", "loop:bad").stdout,
             what="its failure")
    told = lines(reeve, "loop:bad")
    has(told, "loop:bad failed: exited with 1 after [0-9.]+ s; failures in a row: 1")
    assert reeve.verb("why", "loop:none", check=False).returncode == 6


def test_sentences_are_in_local_time_and_json_in_utc(reeve, monkeypatch):
    monkeypatch.setenv("TZ", "ABC-03:30")  # three and a half hours ahead
    reeve.start(f"""services:
  doomed: {{command: [{PYTHON}, -c, "import sys; sys.exit(7)"], backoff: {{initial: 600s, max: 600s}}}}
""")
    row = reeve.wait_state("doomed", "backoff")
    told = lines(reeve, "doomed")
    rows = json.loads(reeve.verb("why", "doomed", "--json").stdout)
    assert row["next_attempt"].endswith("Z") and rows[-1]["time"].endswith("Z")
    assert seconds(rows[-1]["time"]) == rows[-1]["time_ms"] / 1000
    local = datetime.timezone(datetime.timedelta(hours=3, minutes=30))
    for line, time in zip(told, [row["time"] for row in rows]):
        at = datetime.datetime.fromtimestamp(seconds(time), local)
        assert re.match(at.strftime("(%Y-%m-%d )?%H:%M:%S "), line), (line, time)
    attempt = datetime.datetime.fromtimestamp(seconds(row["next_attempt"]), local)
    assert re.search(attempt.strftime("next attempt at (%Y-%m-%d )?%H:%M:%S$"), told[-1]), (told[-1], row["next_attempt"])


def test_rows_as_json(reeve):
    reeve.start("services:\n  a: {command: [sleep, '1000']}\n")
    reeve.wait_state("a", "ready")
    rows = json.loads(reeve.verb("why", "a", "--json").stdout)
    assert rows[0]["text"].startswith("a was started") and rows[0]["time_ms"] > 0 and rows[0]["events"] == 3


def test_what_cannot_be_told_or_signalled(reeve):
    reeve.start("services:\n  a: {command: [sleep, '1000'], start: demand}\n  nas: {address: '127.0.0.1:9'}\n")
    for words, code, text in [(("why", "nothing"), 6, "no target nothing"),
                              (("signal", "nothing", "HUP"), 6, "no target nothing"),
                              (("signal", "nas", "HUP"), 1, "kept by someone else"),
                              (("signal", "a", "HUP"), 1, "does not run"),
                              (("signal", "a", "NONSENSE"), 2, "no signal"),
                              (("signal", "a"), 2, "")]:
        done = reeve.verb(*words, check=False)
        assert done.returncode == code and text in done.stderr, (words, done)
    assert lines(reeve, "nas")[-1] == "now: nas is ready"
