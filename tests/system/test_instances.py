"""Templates and instances: created by the command, the API and visits; kept, removed, expired (contract §1, §2, §4)."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import stat
import tempfile
import time
import urllib.request

import pytest

from conftest import PYTHON, SLACK, free_port, process_alive, seconds, wait_for

HOSTILE = "a\nb $(id) `id` ${id} ' \" ; | & \\ \u00e4\u202e %s {x} --flag\t\x01"

# Answers with what it knows of itself, and counts its starts in its own folder.
PROGRAM = """
import http.server, json, os, sys, time
folder = os.environ["REEVE_INSTANCE_DIR"]
with open(f"{folder}/starts", "a") as starts:
    starts.write("start\\n")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        while self.path == "/slow" and not os.path.exists(f"{folder}/go"):
            time.sleep(0.05)
        body = json.dumps({"path": self.path, "argv": sys.argv[1:], "env": dict(os.environ), "pid": os.getpid(),
                           "prefix": self.headers["X-Forwarded-Prefix"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

CONFIG = f"""
templates:
  shell:
    command: [{PYTHON}, program.py, "${{id}}", "${{project:-none}}"]
    listen: tcp
    env: {{WHO: "${{name}} in ${{instance_dir}}", ASKED: "${{prompt:-nothing}}"}}
    create: request
    max_instances: 5
    parameters: {{project: {{pattern: "[a-z0-9-]{{1,40}}"}}, prompt: {{text: 64k}}}}
  quiet:
    command: [{PYTHON}, program.py]
    listen: tcp
  job:
    command: [sh, -c, "echo ran >> $REEVE_INSTANCE_DIR/runs; exit $code"]
    restart: never
    parameters: {{code: {{pattern: "[0-9]"}}}}
    env: {{CODE: "${{code}}"}}
    retention: 1h
  brief:
    command: [sh, -c, "echo bye"]
    retention: 1s
routes:
  - {{path: "/s/{{id}}/*", to: "shell/{{id}}", strip: true}}
  - {{path: "/q/{{id}}/*", to: "quiet/{{id}}"}}
"""


def serve(reeve, text=CONFIG):
    (reeve.folder / "program.py").write_text(PROGRAM)
    reeve.console = free_port()
    return reeve.start(f'console: {{listen: "127.0.0.1:{reeve.console}"}}\n' + text)


def api(reeve, method, path, body=None):
    """One request to the API on the console's listener."""
    connection = http.client.HTTPConnection("127.0.0.1", reeve.console, timeout=120)
    text = None if body is None else json.dumps(body)
    connection.request(method, "/_reeve/api/v1/" + path, body=text,
                       headers={"Content-Type": "application/json"} if text else {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(content) if content else None


def folder(reeve, name):
    return reeve.state / "instances" / name


def visit(reeve, path):
    status, _, body = reeve.get(path)
    return status, json.loads(body) if status == 200 else body.decode(errors="replace")


@pytest.fixture
def served(reeve):
    return serve(reeve)


def test_create_by_the_command(served):
    made = json.loads(served.verb("create", "shell", "a1", "--set", "project=demo", "--json").stdout)
    assert made["name"] == "shell/a1" and made["kind"] == "instance" and made["url"] == "/s/a1/"
    assert made["state"] == "down" and made["owner"] is None  # it starts with the first request
    again = served.verb("create", "shell", "a1", "--set", "project=demo", "--json")
    assert json.loads(again.stdout)["name"] == "shell/a1"
    other = served.verb("create", "shell", "a1", "--set", "project=other", check=False)
    assert other.returncode == 1 and "other parameters" in other.stderr
    twice = served.verb("create", "shell", "b2", "--set", "project=a", "--set", "project=b", check=False)
    assert twice.returncode == 2 and "project is set already; give it once" in twice.stderr
    bad = served.verb("create", "shell", "b2", "--set", "project=NO", check=False)
    assert bad.returncode == 2 and "parameters/project" in bad.stderr
    assert served.verb("create", "shel", "b2", check=False).returncode == 6
    assert served.verb("create", "shell", ".b", check=False).returncode == 2
    assert served.verb("rm", "shell/nobody", check=False).returncode == 6
    answer = visit(served, "/s/a1/x?y=1")[1]
    assert answer["path"] == "/x?y=1" and answer["prefix"] == "/s/a1" and answer["argv"] == ["a1", "demo"]
    assert served.target("shell/a1")["state"] == "ready"
    for verb, state in (("stop", "down"), ("start", "ready"), ("restart", "ready")):
        served.verb(verb, "shell/a1")
        assert served.target("shell/a1")["state"] == state
    served.verb("rm", "shell/a1")
    assert [row["name"] for row in served.status()["targets"]] == []


def test_create_by_the_api(served):
    status, fields, made = api(served, "POST", "instances/shell", {"id": "a1", "parameters": {"project": "demo"}})
    assert status == 201 and fields["Location"].endswith("/_reeve/api/v1/instances/shell/a1")
    assert made["name"] == "shell/a1"
    assert api(served, "POST", "instances/shell", {"id": "a1", "parameters": {"project": "demo"}})[0] == 200
    assert api(served, "POST", "instances/shell", {"id": "a1", "parameters": {}})[0] == 409
    status, _, wrong = api(served, "POST", "instances/shell",
                           {"id": "b2", "parameters": {"project": "../x", "a/b~": "x"}})
    assert status == 422
    assert {(error["pointer"], bool(error["detail"])) for error in wrong["errors"]} == {
        ("/parameters/project", True), ("/parameters/a~1b~0", True)}
    assert api(served, "POST", "instances/shell", {"id": "b2", "parameters": {"prompt": 7}})[0] == 422
    status, _, wrong = api(served, "POST", "instances/shell", {"id": "../x"})
    assert status == 422 and wrong["errors"][0]["pointer"] == "/id"
    assert api(served, "POST", "instances/shel", {})[0] == 404
    status, fields, made = api(served, "POST", "instances/shell", {})
    assert status == 201 and made["name"].startswith("shell/") and len(made["name"]) > len("shell/") + 8
    assert api(served, "GET", fields["Location"].split("/_reeve/api/v1/")[1])[2]["name"] == made["name"]
    assert api(served, "GET", "instances/shell/nobody")[0] == 404
    assert api(served, "DELETE", made["name"].replace("shell", "instances/shell"))[0] in (200, 204)
    assert api(served, "GET", made["name"].replace("shell", "instances/shell"))[0] == 404
    rows = {row["name"]: row for row in api(served, "GET", "templates")[2]["templates"]}
    assert rows["shell"]["create"] == "request" and rows["shell"]["instances"] == 1
    assert rows["job"]["parameters"]["code"] == {"pattern": "[0-9]", "required": True}


def test_parameters_reach_environment_and_file_and_never_the_command(served):
    long = "\u00e4" * 30000
    (served.folder / "prompt").write_text(long)
    served.verb("create", "shell", "a1", "--set", "project=demo", "--set", "prompt=" + HOSTILE)
    served.verb("create", "shell", "b2", "--set", "prompt=@prompt")
    answer = visit(served, "/s/a1/")[1]
    assert answer["env"]["prompt"] == HOSTILE and answer["env"]["project"] == "demo"
    assert answer["env"]["ASKED"] == HOSTILE
    assert answer["env"]["WHO"] == f"shell/a1 in {folder(served, 'shell/a1')}"
    assert answer["env"]["REEVE_INSTANCE_DIR"] == str(folder(served, "shell/a1"))
    assert answer["env"]["REEVE_NAME"] == "shell/a1" and answer["env"]["REEVE_PREFIX"] == "/s/a1"
    words = pathlib.Path(f"/proc/{answer['pid']}/cmdline").read_bytes()
    assert b"$(id)" not in words and words.count(b"\0") == 4
    kept = json.loads((folder(served, "shell/a1") / "parameters.json").read_text())
    assert kept == {"project": "demo", "prompt": HOSTILE}
    other = visit(served, "/s/b2/")[1]
    assert other["env"]["prompt"] == long and other["env"]["ASKED"] == long and "project" not in other["env"]
    assert other["argv"] == ["b2", "none"]
    (served.folder / "prompt").write_text("x" * (64 * 1024 + 1))
    assert served.verb("create", "shell", "c3", "--set", "prompt=@prompt", check=False).returncode == 2


def test_its_folder_is_the_programs_and_readable_for_gates(served):
    served.verb("create", "shell", "a1")
    about = folder(served, "shell/a1").stat()
    assert stat.S_IMODE(about.st_mode) == 0o750 and about.st_uid == os.geteuid()
    gate = served.gates()[0]
    groups = [line.split()[1:] for line in pathlib.Path(f"/proc/{gate}/status").read_text().splitlines()
              if line.startswith(("Gid:", "Groups:"))]
    assert str(about.st_gid) in groups[0] + groups[1]
    assert stat.S_IMODE(folder(served, "shell").stat().st_mode) == 0o711
    record = folder(served, "shell") / ".a1.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600 and record.stat().st_uid == os.geteuid()


def test_the_id_chooses_the_account(reeve):
    open_to_all = pathlib.Path(tempfile.mkdtemp(prefix="reeve-instances-"))
    open_to_all.chmod(0o755)
    reeve.state = open_to_all / "state"
    serve(reeve, """
templates:
  person:
    command: [sh, -c, "id -un > $REEVE_INSTANCE_DIR/who; exec sleep 1000"]
    directory: /
    user: "${id}"
    allow: ["user:${id}"]
""")
    for name, reason in (("root", "no account of a person"), ("daemon", "no account of a person"),
                         ("no-such-account", "there is no user")):
        refused = reeve.verb("create", "person", name, check=False)
        assert refused.returncode == 2 and reason in refused.stderr
    assert os.listdir(folder(reeve, "person")) == []
    # nobody in particular is no `user:nobody`
    assert api(reeve, "POST", "instances/person", {"id": "nobody"})[0] == 403
    reeve.verb("create", "person", "nobody")
    assert api(reeve, "POST", "instances/person/nobody/stop")[0] == 403
    assert api(reeve, "GET", "instances/person/nobody")[0] == 403
    assert api(reeve, "DELETE", "instances/person/nobody")[0] == 403
    if os.geteuid() == 0:
        who = folder(reeve, "person/nobody") / "who"
        assert wait_for(lambda: who.exists() and who.read_text(), what="its program to say who it is") == "nobody\n"
        assert folder(reeve, "person/nobody").owner() == "nobody"
        assert (folder(reeve, "person/nobody") / "parameters.json").owner() == "nobody"
        assert (folder(reeve, "person") / ".nobody.json").owner() == "root"
    else:
        row = reeve.wait_state("person/nobody", "backoff", "failed")
        assert "reeve was not started as root" in row["cause"]["text"]
    reeve.verb("rm", "person/nobody")
    assert not folder(reeve, "person/nobody").exists()
    reeve.stop()
    shutil.rmtree(open_to_all)


def test_each_only_their_own(reeve):
    (reeve.folder / "users").touch()
    serve(reeve, CONFIG.replace("    create: request\n", "    create: request\n    allow: [\"user:${id}\"]\n")
          + "auth: {method: password, users: users}\n")
    tokens = {name: reeve.verb("token", "create", name).stdout.split()[-1] for name in ("ann", "bob")}

    def ask(who, method, path, body=None):
        fields = {"Authorization": f"Bearer {tokens[who]}"} if who else {}
        text = None if body is None else json.dumps(body)
        status, _, content = reeve.get(path, headers=fields | {"Content-Type": "application/json"}, method=method,
                                       body=text)
        return status, content

    at = "/_reeve/api/v1/instances/shell"
    assert ask(None, "POST", at, {"id": "ann"})[0] == 401
    assert ask("bob", "POST", at, {"id": "ann"})[0] == 403
    assert ask(None, "GET", "/s/ann/")[0] == 401
    assert ask("bob", "GET", "/s/ann/")[0] == 403
    assert reeve.status()["targets"] == [] and os.listdir(folder(reeve, "shell")) == []
    status, made = ask("ann", "POST", at, {"id": "ann"})
    assert status == 201 and json.loads(made)["owner"] == "ann"
    assert ask("bob", "GET", "/s/bob/")[0] == 200 and reeve.target("shell/bob")["owner"] == "bob"
    assert ask("bob", "GET", f"{at}/ann")[0] == 403
    assert ask("bob", "POST", f"{at}/ann/start")[0] == 403
    assert ask("bob", "DELETE", f"{at}/ann")[0] == 403
    assert ask("ann", "GET", f"{at}/ann")[0] == 200
    assert ask("ann", "POST", f"{at}/ann/start?wait=30s")[0] == 200
    assert ask("ann", "DELETE", f"{at}/ann")[0] == 200
    assert [row["name"] for row in reeve.status()["targets"]] == ["shell/bob"]


def test_fifty_creations_at_once_and_no_more_than_max_instances(served):
    def create(number):
        return api(served, "POST", "instances/quiet", {"id": f"n{number}"})[0]
    served.verb("create", "job", "j1", "--set", "code=0")
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(create, range(50)))
    assert sorted(answers) == [201] * 32 + [429] * 18
    names = [row["name"] for row in served.status()["targets"] if row["name"].startswith("quiet/")]
    assert len(names) == 32  # nobody was evicted
    served.verb("rm", names[0])
    assert create(99) == 201 and create(98) == 429


def test_ended_ones_do_not_count(served):
    for number in range(40):
        served.verb("create", "job", f"j{number}", "--set", "code=0")
        served.wait_state(f"job/j{number}", "ended")
    assert len(served.status()["targets"]) == 40


def test_the_outcome_of_a_job_does_not_make_reeve_unready(served):
    wait_for(lambda: served.get("/ready")[0] == 200, what="reeve to be ready")
    for code, state in (0, "ended"), (3, "failed"):
        served.verb("create", "job", f"j{code}", "--set", f"code={code}")
        served.wait_state(f"job/j{code}", state)
    wait_for(lambda: served.get("/ready")[0] == 200, what="every gate to know the end")
    assert served.verb("status", "-q", check=False).returncode == 0

    def counted():
        with urllib.request.urlopen(f"http://127.0.0.1:{served.console}/health", timeout=120) as answer:
            return json.load(answer)["targets"]
    wait_for(lambda: counted() == {"wanted": 0, "ready": 0, "not_ready": []}, what="the details to count none")


def test_two_side_by_side(served):
    for name in ("a1", "b2"):
        served.verb("create", "shell", name, "--set", f"project=for-{name}")
    answers = [visit(served, f"/s/{name}/deep/path?x={name}")[1] for name in ("a1", "b2", "a1")]
    assert [answer["argv"] for answer in answers] == [["a1", "for-a1"], ["b2", "for-b2"], ["a1", "for-a1"]]
    assert [answer["path"] for answer in answers] == ["/deep/path?x=a1", "/deep/path?x=b2", "/deep/path?x=a1"]
    assert answers[0]["pid"] == answers[2]["pid"] != answers[1]["pid"]


def test_fifty_first_visits_start_one_process(served):
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: visit(served, "/s/fresh/x"), range(50)))
    assert {status for status, _ in answers} == {200}
    assert len({answer["pid"] for _, answer in answers}) == 1
    assert (folder(served, "shell/fresh") / "starts").read_text() == "start\n"
    assert served.target("shell/fresh")["run"]["generation"] == 1


def test_visits_create_no_more_than_they_may(served):
    for number in range(5):
        assert visit(served, f"/s/v{number}/")[0] == 200
    status, body = visit(served, "/s/v5/")
    assert status == 429 and "max_instances" in body
    # an instance that only the API creates
    status, body = visit(served, "/q/nobody/")
    assert status == 404 and "no such instance" in body
    # another site's image is no visit
    assert served.get("/s/cross/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})[0] == 404
    assert sorted(row["name"] for row in served.status()["targets"]) == [f"shell/v{n}" for n in range(5)]


def test_names_that_nobody_can_have(served):
    for name in ("..%2f..", "%2e%2e%2fx", ".hidden", "a%20b", "a%252f", "x" * 65, "%c3%a4", "-x", "a%7Bid%7D"):
        assert served.get(f"/s/{name}/")[0] in (400, 404), name
    assert served.get("/s/a%00/")[0] == 400
    assert served.status()["targets"] == []
    assert sorted(os.listdir(folder(served, "shell"))) == []


def test_removal_leaves_nothing(served):
    served.verb("create", "shell", "a1")
    answer = visit(served, "/s/a1/")[1]
    deep = folder(served, "shell/a1") / "/".join(f"d{n}" for n in range(40))
    deep.mkdir(parents=True)
    for number in range(3000):
        (folder(served, "shell/a1") / f"file{number}").touch()
    (folder(served, "shell/a1") / "link").symlink_to("/etc")
    deep.chmod(0o500)
    assert api(served, "DELETE", "instances/shell/a1")[0] in (200, 204)
    assert not process_alive(answer["pid"])
    assert api(served, "GET", "instances/shell/a1")[0] == 404
    wait_for(lambda: not os.listdir(served.state / "instances/.trash"), what="the folder to be gone")
    found = [path for path in served.state.rglob("*") if "a1" in path.name]
    assert found == [] and pathlib.Path("/etc/passwd").exists()
    assert served.left() and all(pid in served.gates() for pid in served.left())
    # the name is free again, and nothing of the old one is in it
    assert visit(served, "/s/a1/")[1]["pid"] != answer["pid"]
    assert sorted(os.listdir(folder(served, "shell/a1"))) == ["parameters.json", "starts"]


def test_who_comes_while_one_is_removed(reeve):
    """It is not forbidden but going: a second removal waits for the first one, anything else is told."""
    serve(reeve, """
templates:
  slow:
    command: [sh, -c, 'trap "until [ -e go ]; do sleep 0.05; done; exit" TERM; touch here; while :; do sleep 0.05; done']
    stop: {grace: 10m}
""")
    reeve.verb("create", "slow", "a1")
    wait_for((reeve.folder / "here").exists, what="the program")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        removals = [pool.submit(api, reeve, "DELETE", "instances/slow/a1")]
        reeve.wait_state("slow/a1", "stopping")
        removals.append(pool.submit(api, reeve, "DELETE", "instances/slow/a1"))
        by_command = pool.submit(reeve.verb, "rm", "slow/a1", check=False)
        for what, body in ("start", None), ("stop", None), ("restart", None), ("signal", {"signal": "HUP"}):
            status, _, problem = api(reeve, "POST", f"instances/slow/a1/{what}", body)
            assert (status, problem["detail"]) == (409, "slow/a1 is being removed"), what
        assert api(reeve, "GET", "instances/slow/a1")[0] == 200
        assert not any(removal.done() for removal in removals)
        (reeve.folder / "go").touch()
        assert removals[0].result()[0] == 200
        assert removals[1].result()[0] in (200, 404)  # who comes so late that all is over finds nothing
        assert by_command.result().returncode in (0, 6)
    assert api(reeve, "GET", "instances/slow/a1")[0] == 404


def test_a_removal_stops_what_is_running_for_its_visitors(served):
    served.verb("create", "shell", "a1")
    visit(served, "/s/a1/")
    kept = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    kept.request("GET", "/s/a1/")
    kept.getresponse().read()
    served.verb("rm", "shell/a1")
    kept.request("GET", "/q/a1/")  # gates go on
    assert kept.getresponse().status == 404
    kept.close()


def test_retention(served):
    served.verb("create", "brief", "b1")
    served.verb("create", "job", "j1", "--set", "code=3")
    served.wait_state("job/j1", "failed")
    assert served.target("job/j1")["cause"]["code"] == 3
    wait_for(lambda: not folder(served, "brief/b1").exists(), what="the ended instance to expire")
    assert "brief/b1" not in [row["name"] for row in served.status()["targets"]]
    assert folder(served, "job/j1").exists()


def settle(served):
    """Four instances in four states; returns what is told of each."""
    for name in ("up", "stopped", "cold"):
        served.verb("create", "shell", name)
    served.verb("create", "job", "done", "--set", "code=3")
    visit(served, "/s/up/")
    visit(served, "/s/stopped/")
    served.verb("stop", "shell/stopped")
    served.wait_state("job/done", "failed")
    return {row["name"]: row for row in served.status()["targets"]}


def check_settled(served, before):
    now = {row["name"]: row for row in served.status()["targets"]}
    assert set(now) == set(before)
    assert now["shell/stopped"]["state"] == "down" and now["shell/stopped"]["wanted"] == "down"
    assert now["shell/cold"]["state"] == "down"
    assert now["job/done"]["state"] == "failed" and now["job/done"]["cause"] == before["job/done"]["cause"]
    assert now["job/done"]["since"] == before["job/done"]["since"]
    assert (folder(served, "job/done") / "runs").read_text() == "ran\n"


def test_what_was_wanted_outlives_reeve(served):
    before = settle(served)
    served.stop()
    served.start()
    served.wait_state("shell/up", "ready")
    check_settled(served, before)
    assert (folder(served, "shell/up") / "starts").read_text() == "start\n" * 2
    served.verb("rm", "job/done")
    served.stop()
    served.start()
    assert "job/done" not in [row["name"] for row in served.status()["targets"]]


def test_a_killed_keeper_leaves_them_running(served):
    before = settle(served)
    served.kill_keeper()
    served.start()
    served.wait_state("shell/up", "ready")
    check_settled(served, before)
    assert served.target("shell/up")["run"]["pid"] == before["shell/up"]["run"]["pid"]
    assert visit(served, "/s/up/")[1]["pid"] == before["shell/up"]["run"]["pid"]


def test_the_object_tells_of_traffic(served):
    served.verb("create", "shell", "a1")
    visit(served, "/s/a1/")
    wait_for(lambda: served.target("shell/a1")["idle_since"], what="its last use to be known")
    row = served.target("shell/a1")
    assert row["streams"] == 0 and abs(seconds(row["idle_since"]) - time.time()) < 10 * SLACK
    reader = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    reader.request("GET", "/s/a1/slow")
    wait_for(lambda: served.target("shell/a1")["streams"] == 1, what="the open request to be counted")
    assert served.target("shell/a1")["idle_since"] is None
    (folder(served, "shell/a1") / "go").touch()
    assert reader.getresponse().status == 200
    reader.close()
    wait_for(lambda: served.target("shell/a1")["streams"] == 0, what="the request to be over")


def test_logs_of_an_instance(served):
    served.verb("create", "brief", "b1")
    served.verb("create", "job", "j1", "--set", "code=0")
    assert "nothing" not in served.verb("logs", "job/j1").stdout
    assert served.verb("logs", "job/nobody", check=False).returncode == 6
    wait_for(lambda: (served.state / "log/job@j1").is_dir(), what="its log")


def test_more_than_the_pages_have_slots(reeve):
    serve(reeve, CONFIG.replace("  quiet:\n", "  quiet:\n    max_instances: 600\n"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda n: api(reeve, "POST", "instances/quiet", {"id": f"n{n}"})[0], range(530)))
    assert made == {201}
    for name in ("n0", "n529"):
        assert visit(reeve, f"/q/{name}/")[1]["env"]["REEVE_NAME"] == f"quiet/{name}"
    reeve.stop()
    reeve.start()
    assert len(reeve.status()["targets"]) == 530


def test_the_journal_says_who_created_and_removed(served):
    served.verb("create", "shell", "a1")
    served.verb("rm", "shell/a1")
    served.stop()
    events = [(event, evidence.get("by")) for target, event, evidence in served.journal() if target == "shell/a1"]
    assert ("instance-created", f"uid {os.geteuid()}") in events
    assert ("instance-removed", f"uid {os.geteuid()}") in events
