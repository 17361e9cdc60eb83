"""The HTTP API (contract §2) and the console's listener: each path, method and status, with a real keeper."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import urllib.parse

import pytest

from conftest import PYTHON, free_port, program, reeves, wait_for

BASE = "/_reeve/api/v1/"
JSON = {"Content-Type": "application/json"}


def console_port(reeve):
    return urllib.parse.urlsplit(reeve.status()["keeper"]["console"]).port


def ask(port, method, path, body=None, headers=None, base=BASE):
    """Status, fields, and the JSON of the answer."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=90)) as connection:
        text = json.dumps(body) if isinstance(body, (dict, list)) else body
        given = JSON | (headers or {}) if body is not None else headers or {}
        connection.request(method, base + path, body=text, headers=given)
        response = connection.getresponse()
        kind, content = response.headers["Content-Type"], response.read()
        expected = "application/problem+json" if response.status >= 400 else "application/json"
        assert method == "HEAD" or kind == expected, (kind, content)
        return response.status, response.headers, json.loads(content) if content else None


def documented(heading):
    """The members that docs/api.md has in the table below this heading."""
    page = (pathlib.Path(__file__).parents[2] / "docs/api.md").read_text()
    rows = page.partition(f"## {heading}\n")[2].partition("\n## ")[0].split("\n| `")[1:]
    return {name for row in rows for name in re.findall("[a-z_]+", row.partition(" |")[0])}


@pytest.fixture(scope="module")
def api(shared_reeve):
    """A reeve with a service that ends at SIGTERM, one that never is, and an address; and a way to ask it."""
    shared_reeve.start(f"""services:
  web: {{command: [{program("echo.py")}, --port, "${{PORT}}"], listen: tcp}}
  doomed: {{command: [{PYTHON}, -c, "import sys; sys.exit(7)"], listen: tcp, start: demand, backoff: {{initial: 60s, max: 60s}}}}
  slow: {{command: [sleep, "1000"], listen: tcp, start: demand}}
  nas: {{address: "127.0.0.1:9"}}
routes:
  - {{path: /api/*, to: web}}
""")
    shared_reeve.wait_state("web", "ready")
    port = console_port(shared_reeve)
    return lambda *words, **more: ask(port, *words, **more)


def test_it_is_listed(api, shared_reeve):
    status, _, document = api("GET", "openapi.json")
    assert status == 200 and document["openapi"] == "3.1.0"
    status, _, answer = api("GET", "targets")
    names = {row["name"]: row for row in answer["targets"]}
    assert status == 200 and set(names) == {"web", "doomed", "slow", "nas"}
    assert names["web"]["href"] == BASE + "services/web" and names["web"]["state"] == "ready"
    assert names["web"]["run"]["pid"] == shared_reeve.target("web")["run"]["pid"]


@pytest.mark.parametrize("path,member", [
    ("routes", "routes"), ("journal", "rows"), ("config", "config"), ("version", "version")])
def test_what_can_be_read(api, path, member):
    status, fields, answer = api("GET", path)
    assert status == 200 and member in answer, answer
    assert fields["Cache-Control"] == "no-store"
    assert api("HEAD", path)[0] == 200
    status, fields, _ = api("POST", path, {})
    assert status == 405 and fields["Allow"] == "GET, HEAD"


def test_every_path_of_the_document_is_answered(api):
    """None of them is unknown, whatever is missing for it."""
    _, _, document = api("GET", "openapi.json")
    for path, methods in document["paths"].items():
        there = re.sub(r"\{[a-z]+\}", "nothing", path.lstrip("/"))
        for method in {"get", "post", "delete", "put", "patch"} - set(methods):
            status, fields, _ = api(method.upper(), there)
            allowed = {word.strip() for word in fields["Allow"].split(",")}
            assert status == 405 and allowed - {"HEAD"} == {name.upper() for name in methods}, (method, path)
        for method in methods:
            if there in ("reload", "tokens"):
                continue  # they would do something
            status, _, answer = api(method.upper(), there)
            assert status in (200, 400, 404, 422), (method, path, answer)
            assert "no such path" not in json.dumps(answer)


def test_one_service(api):
    status, fields, web = api("GET", "services/web")
    assert status == 200 and web["name"] == "web"
    assert set(web) | {"generation"} == documented("A target")
    assert fields["ETag"] == f'"{web["run"]["generation"]}"'
    for path in "services/nothing", "services/web%2F", "services/..", "services/%ff", "nonsense", "services", "":
        status, _, problem = api("GET", path)
        assert status in (400, 404) and problem["status"] == status, path
        assert problem["type"].startswith("urn:reeve:problem:")


def test_restart_and_wait(api, shared_reeve):
    before = shared_reeve.target("web")["run"]
    status, fields, web = api("POST", "services/web/restart?wait=30s")
    assert status == 200 and web["state"] == "ready" and web["wanted"] == "up"
    assert web["generation"] == before["generation"] + 1 and web["run"]["pid"] != before["pid"]
    assert fields["ETag"] == f'"{web["generation"]}"'


def test_without_waiting_it_says_how_it_stands(api):
    status, _, slow = api("POST", "services/slow/start")
    assert status == 202 and slow["wanted"] == "up" and slow["state"] == "starting"
    assert isinstance(slow["generation"], int)
    status, _, slow = api("POST", "services/slow/start?wait=100ms")
    assert status == 202 and slow["state"] == "starting"
    status, _, slow = api("POST", "services/slow/stop?wait=30s")
    assert status == 200 and slow["state"] == "down" and slow["wanted"] == "down"
    status, _, slow = api("POST", "services/slow/stop?wait=30s")
    assert status == 200


def test_a_start_that_fails_is_not_reached(api):
    status, _, doomed = api("POST", "services/doomed/start?wait=30s")
    assert status == 202 and doomed["state"] == "backoff" and doomed["cause"]["code"] == 7
    status, _, doomed = api("POST", "services/doomed/stop?wait=30s")
    assert status == 200


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "signal"])
def test_verbs_refuse(api, verb):
    body = {"signal": "HUP"} if verb == "signal" else None
    for path, status in ("services/nas", 409), ("services/nothing", 404), ("instances/nothing/x", 404):
        got, _, problem = api("POST", f"{path}/{verb}", body)
        assert got == status, (path, problem)
    for tag in '"99999"', "x", 'W/"1"':
        got, _, problem = api("POST", f"services/web/{verb}", body, headers={"If-Match": tag})
        assert got == 412 and problem["status"] == 412
    got, fields, _ = api("GET", f"services/web/{verb}")
    assert got == 405 and fields["Allow"] == "POST"
    assert api("GET", "services/web")[2]["state"] == "ready"


def test_the_right_generation_passes(api):
    _, fields, _ = api("GET", "services/web")
    assert api("POST", "services/web/restart?wait=30s", headers={"If-Match": fields["ETag"]})[0] == 200
    assert api("POST", "services/web/restart?wait=30s", headers={"If-Match": "*"})[0] == 200
    assert api("POST", "services/web/restart?wait=30s", headers={"If-Match": fields["ETag"]})[0] == 412


def test_signals(api, shared_reeve):
    pid = shared_reeve.target("web")["run"]["pid"]
    assert api("POST", "services/web/signal", {"signal": "CONT"})[0] == 200
    assert api("POST", "services/web/signal", {"signal": 18})[0] == 200
    assert shared_reeve.target("web")["run"]["pid"] == pid
    assert api("POST", "services/doomed/signal", {"signal": "HUP"})[0] == 409
    for bad in {"signal": "NONSENSE"}, {"signal": 9999}:
        status, _, problem = api("POST", "services/web/signal", bad)
        assert status == 422, problem
    assert api("POST", "services/web/signal", {"signal": "KILL"})[0] == 200
    wait_for(lambda: shared_reeve.target("web")["run"]["pid"] not in (pid, 0, None), what="another run")
    shared_reeve.wait_state("web", "ready")
    rows = api("GET", "journal?target=web")[2]["rows"]
    sent = [row for row in rows if row["event"] == "signal"]
    assert [row["evidence"]["signal"] for row in sent] == [18, 18, 9]
    assert all(row["evidence"]["pid"] == pid and row["evidence"]["nonce"] == "ok" for row in sent)


def test_bodies_are_checked(api):
    def refused(body, status, pointer=None, headers=None, path="services/web/signal"):
        got, _, problem = api("POST", path, body, headers=headers)
        assert got == status, problem
        if pointer is not None:
            assert problem["errors"][0]["pointer"] == pointer and problem["errors"][0]["detail"]

    refused({}, 422, "/signal")
    refused({"signal": []}, 422, "/signal")
    refused({"signal": "HUP", "more": 1}, 422, "/more")
    refused([], 422, "")
    refused("{", 400)
    refused("[" * 100, 400)
    refused('{"signal": "HUP", "signal": "INT"}', 400)
    refused("signal=HUP", 415, headers={"Content-Type": "application/x-www-form-urlencoded"})
    refused("{}", 415, headers={"Content-Type": "text/plain"})
    refused('"' + "x" * 2_000_000, 413)
    refused({"x": 1}, 422, "/x", path="services/web/restart")
    got, _, problem = api("POST", "services/web/restart", headers={"Content-Type": "text/plain"})
    assert got == 415, problem


def test_queries_are_checked(api):
    for query in "wait=1", "wait=-1s", "wait=", "wait=1s&wait=2s", "wiat=1s", "x":
        assert api("POST", f"services/slow/stop?{query}")[0] == 400, query
    for query in "last=0", "last=x", "last=1&last=1", "lst=1", "target=%zz":
        assert api("GET", f"journal?{query}")[0] == 400, query


def test_the_journal_by_target_and_number(api):
    _, _, answer = api("GET", "journal?last=3")
    assert len(answer["rows"]) == 3
    _, _, answer = api("GET", "journal?target=web&last=2")
    assert [row["target"] for row in answer["rows"]] == ["web", "web"]


def test_a_page_of_somebody_else_changes_nothing(api, shared_reeve):
    before = shared_reeve.target("web")["run"]
    for origin in "http://elsewhere.example", f"http://127.0.0.1:{shared_reeve.port}", "null":
        status, _, _ = api("POST", "services/web/restart?wait=1s", headers={"Origin": origin})
        assert status == 403, origin
    assert api("GET", "targets", headers={"Host": "elsewhere.example"})[0] == 421
    assert shared_reeve.target("web")["run"] == before
    own = f"http://127.0.0.1:{console_port(shared_reeve)}"
    assert api("POST", "services/web/restart?wait=30s", headers={"Origin": own})[0] == 200


def test_on_other_listeners_a_token_is_needed(api, shared_reeve):
    before = shared_reeve.target("web")["run"]
    for method, path in ("GET", "targets"), ("POST", "services/web/restart"), ("GET", "nonsense"):
        status, fields, problem = ask(shared_reeve.port, method, path)
        assert status == 401 and fields["WWW-Authenticate"].startswith("Bearer"), problem
    assert shared_reeve.target("web")["run"] == before


def test_the_consoles_listener_has_no_routes(api, shared_reeve):
    port = console_port(shared_reeve)
    for path, status in ("/api/x", 404), ("/", 200), ("/_reeve/", 200), ("/health", 200), ("/ready", 200):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
            connection.request("GET", path)
            assert connection.getresponse().status == status, path


# --- where the console is ---------------------------------------------------------------------------------------


def ten_free(first):
    """Sockets on the ten ports behind `first`; None when one of them is somebody's."""
    held = []
    for port in range(first + 1, first + 11):
        probe = socket.socket()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.append(probe)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return [taken.close() for taken in held] and None
        probe.listen()
    return held


def hold_ten(reeve):
    """Moves the reeve to a port with ten free ones behind it, and holds these."""
    while (held := ten_free(reeve.port)) is None:
        reeve.port = free_port()
    return held


def test_the_next_free_port_is_taken_and_nobody_is_ended(reeve):
    held = hold_ten(reeve)
    for probe in held[2:]:
        probe.close()
    reeve.start("")
    assert console_port(reeve) == reeve.port + 3
    assert f"http://127.0.0.1:{reeve.port + 3}/_reeve/api/v1/" in reeve.verb("status").stdout
    for probe in held[:2]:
        with socket.create_connection(probe.getsockname()):
            probe.accept()[0].close()
        probe.close()


def test_without_a_free_port_there_is_no_console(reeve):
    held = hold_ten(reeve)
    reeve.start("")
    assert reeve.status()["keeper"]["console"] is None
    assert "no console" in reeve.log()
    assert "api/v1" not in reeve.verb("status").stdout
    assert reeve.get("/health")[0] == 200
    for probe in held:
        probe.close()


def test_a_fixed_one_is_as_any_listener(make_reeve):
    first, other = make_reeve(), make_reeve()
    port = free_port()
    first.start("", console=f'{{listen: "127.0.0.1:{port}", path: /ops}}')
    assert console_port(first) == port
    assert ask(port, "GET", "version", base="/ops/api/v1/")[0] == 200
    assert ask(port, "GET", "version")[0] == 404
    other.configure("", console=f'{{listen: "127.0.0.1:{port}"}}', takeover="{timeout: 200ms}")
    done = subprocess.run(other.command(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 4 and str(port) in done.stderr


def test_a_unix_socket(reeve):
    path = reeve.folder / "console.sock"
    reeve.start("", console=f'{{listen: "unix:{path}"}}')
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(f"GET {BASE}version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and b'"version"' in answer
    assert f"  api    unix:{path}\n" in reeve.verb("status").stdout
    reeve.stop()
    assert not path.exists(), "its file goes with it"


CLIENT = """
import http.client, sys
host, port, path = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port), timeout=20)
connection.request("GET", path)
response = connection.getresponse()
print(response.status, response.read().decode())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_beyond_loopback_without_auth_it_is_closed(reeve):
    """192.0.2.10 on the loopback device of a network namespace of its own."""
    reeve.configure("", console='{listen: "192.0.2.10:8081"}')
    reeve.spawn("unshare", "-n", "sh", "-c",
                'ip link set lo up && ip address add 192.0.2.10/32 dev lo && exec "$@"', "sh")
    wait_for(reeve.serving, 20, "reeve to serve")

    def get(host, port, path):
        done = subprocess.run(["nsenter", "-t", str(reeve.process.pid), "-n", PYTHON, "-c", CLIENT, host, str(port),
                               path], capture_output=True, text=True, timeout=60)
        status, _, body = done.stdout.partition(" ")
        assert done.returncode == 0, done.stderr
        return int(status), body

    status, body = get("192.0.2.10", 8081, BASE + "targets")
    assert status == 403 and "console.listen" in body
    assert get("127.0.0.1", reeve.port, BASE + "targets")[0] == 401
    assert get("192.0.2.10", 8081, "/health")[0] == 200


# --- instances, tokens, and what else there is --------------------------------------------------------------------


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    with reeves(tmp_path_factory) as make:
        reeve = make()
        reeve.start("""templates:
  job: {command: [sleep, "1000"], max_instances: 2, start: boot, parameters: {speed: {pattern: "[0-9]+"}}}
loops:
  tick: {every: 1h, command: ["true"]}
routes:
  - {path: "/jobs/{id}/events", events: {file: "${instance_dir}/events.jsonl", target: "job/{id}"}}
""")
        port = console_port(reeve)
        yield lambda *words, **more: ask(port, *words, **more), reeve


def test_routes_tell_what_leads_where(jobs):
    row, = jobs[0]("GET", "routes")[2]["routes"]
    assert row["events"].endswith("/{id}/events.jsonl") and row["target"] == "job/{id}"
    assert row["allow"] == ["anyone"] and ":9:5" in row["place"]


def test_an_instance_from_birth_to_end(jobs):
    api, reeve = jobs
    status, fields, made = api("POST", "instances/job", {"id": "a1", "parameters": {"speed": "5"}})
    assert status == 201 and fields["Location"] == BASE + "instances/job/a1", made
    assert made["name"] == "job/a1" and made["kind"] == "instance" and made["href"] == fields["Location"]
    status, fields, same = api("POST", "instances/job", {"id": "a1", "parameters": {"speed": "5"}})
    assert status == 200 and "Location" not in fields and same["name"] == "job/a1"
    assert api("POST", "instances/job", {"id": "a1", "parameters": {"speed": "6"}})[0] == 409
    status, _, wrong = api("POST", "instances/job", {"id": "a2", "parameters": {"speed": "fast"}})
    assert status == 422 and wrong["errors"][0]["pointer"] == "/parameters/speed", wrong
    assert api("POST", "instances/nothing", {})[0] == 404
    status, _, other = api("POST", "instances/job", {"parameters": {"speed": "1"}})
    assert status == 201
    assert api("POST", "instances/job", {"id": "a3", "parameters": {"speed": "1"}})[0] == 429
    status, _, started = api("POST", "instances/job/a1/start?wait=30s")
    assert status == 200 and started["state"] == "ready", started
    status, fields, one = api("GET", "instances/job/a1")
    assert status == 200 and fields["ETag"] == f'"{one["run"]["generation"]}"'
    assert {row["name"] for row in api("GET", "targets")[2]["targets"]} == {"job/a1", other["name"]}
    assert [row["name"] for row in api("GET", "templates")[2]["templates"]] == ["job"]
    status, _, stopped = api("POST", "instances/job/a1/stop?wait=30s")
    assert status == 200 and stopped["wanted"] == "down"
    assert api("DELETE", "instances/job/a1")[0] == 200
    assert api("GET", "instances/job/a1")[0] == 404 and api("DELETE", "instances/job/a1")[0] == 404
    assert api("DELETE", "instances/" + other["name"])[0] == 200
    assert reeve.status()["targets"] == []


def test_a_token_from_birth_to_end(jobs):
    api, reeve = jobs
    status, fields, made = api("POST", "tokens", {"name": "ci", "expires": "1h"})
    assert status == 201 and made["token"].startswith("reeve_") and fields["Cache-Control"] == "no-store"
    bearer = {"Authorization": f"Bearer {made['token']}"}
    wait_for(lambda: ask(reeve.port, "GET", "targets", headers=bearer)[0] == 200, what="the token to count")
    status, _, listed = api("GET", "tokens")
    assert status == 200 and [row["name"] for row in listed["tokens"]] == ["ci"]
    assert made["token"] not in json.dumps(listed)
    assert api("DELETE", "tokens/ci")[0] == 200
    wait_for(lambda: ask(reeve.port, "GET", "targets", headers=bearer)[0] == 401, what="the token to be revoked")
    assert api("DELETE", "tokens/ci")[0] == 404


@pytest.mark.parametrize("path,member", [("loops", "loops"), ("users", "users"), ("sessions", "sessions")])
def test_what_else_can_be_read(jobs, path, member):
    api, _ = jobs
    status, _, answer = api("GET", path)
    assert status == 200 and isinstance(answer[member], list), answer


def test_a_session_that_is_none(jobs):
    assert jobs[0]("DELETE", "sessions/nothing")[0] == 404
