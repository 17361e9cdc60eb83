"""The command: every verb, its exit codes, and where it finds its file and its keeper (contract §3)."""
import codecs
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

import kernel
from conftest import BIN, PYTHON, SLACK, free_port, program, seconds, wait_for, whole_lines

VERBS = ["run", "down", "check", "config", "status", "ls", "start", "stop", "restart", "logs", "init"]
PAGE = "routes: [{path: /*, files: .}]\n"
ECHO = f"{{command: [{program('echo.py')}, --port, '${{PORT}}']}}"


def command(*words, cwd="/", given=None, **environment):
    """Runs `reeve WORDS` in `cwd`; `given` is its standard input."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REEVE_")}
    return subprocess.run([BIN, *map(str, words)], cwd=cwd, input=given, capture_output=True, text=True, timeout=60,
                          env=clean | environment)


def echo(reeve, more="", **head):
    return reeve.start(f"services:\n  echo: {ECHO}\n{more}routes: [{{path: /*, to: echo}}]\n", **head)


# --- usage -----------------------------------------------------------------------------------------------------

def test_usage():
    nothing, asked = command(), command("--help")
    assert (nothing.returncode, nothing.stdout) == (2, "") and (asked.returncode, asked.stderr) == (0, "")
    assert nothing.stderr == asked.stdout
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", asked.stdout, re.M)
        told = command(verb, "--help")
        assert told.returncode == 0 and told.stdout.startswith(f"usage: reeve {verb}") and not told.stderr
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", command("--version").stdout)


@pytest.mark.parametrize("words, text", [
    (["statsu"], "did you mean status?"),
    (["rn"], "did you mean run?"),
    (["frobnicate"], "reeve --help"),
    (["status", "--jsn"], "did you mean --json?"),
    (["down", "--nwo"], "did you mean --now?"),
    (["logs", "--folow"], "did you mean --follow?"),
    (["status", "--frobnicate"], "reeve status --help"),
    (["status", "-f"], "-f"),
    (["stop"], "NAME"),
    (["status", "too", "many"], "too"),
    (["status", "-c"], "-c needs a value"),
    (["logs", "--since", "yesterday"], "--since"),
    (["run", "--replace"], "not supported yet"),
    (["connections", "close", "abc"], "no ID of a connection"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_is_not_understood(words, text):
    done = command(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert text in done.stderr and done.stderr.startswith("reeve: ") and done.stderr.count("\n") == 1


# --- check and config ------------------------------------------------------------------------------------------

def test_check_says_what_is_good(tmp_path):
    tmp_path.chmod(0o755)
    file = tmp_path / "reeve.yaml"
    file.write_text("listen: [{address: '127.0.0.1:8080'}]\n" + PAGE)
    done = command("check", file)
    assert done.returncode == 0 and "good" in done.stdout and done.stderr == ""
    told = json.loads(command("check", "--json", cwd=tmp_path).stdout)
    assert told["ok"] is True and told["file"] == str(file) and told["name"] == tmp_path.name
    assert command("check", "-", given=file.read_text(), cwd=tmp_path).returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["reeve.yaml"], "nothing is started or made"


def test_check_tells_all_places_at_once(tmp_path):
    file = tmp_path / "reeve.yaml"
    file.write_text("nme: x\n"
                    "services:\n"
                    "  api: {command: 'a | b', listen: tcp, replicas: 3}\n"
                    "  Bad: {command: [x]}\n"
                    "routes:\n"
                    "  - {path: /*, too: api}\n"
                    "drain: {timeout: soon}\n")
    done = command("check", file)
    assert done.returncode == 2 and done.stdout == ""
    places = {match[1]: line for line in done.stderr.splitlines() if (match := re.match(rf"{file}:(\d+:\d+): ", line))}
    assert 'did you mean "name"?' in places["1:1"]
    assert "shell" in places["3:18"] and "not supported yet" in places["3:40"]
    assert "Bad" in places["4:3"]
    assert 'did you mean "to"?' in places["6:16"]
    assert "soon" in places["7:18"]
    assert len(places) >= 6
    assert command("check", "-", given=file.read_text()).stderr.count("\n") == done.stderr.count("\n")


@pytest.mark.parametrize("text", [
    "auth: {method: pam}\n",
    "services: {a: {command: [x], watch: [.]}}\n",
    "services: {a: {command: [x], replicas: 2}}\n",
    "routes: [{path: /*, redirect: /new}]\n",
    "listen: [{address: '127.0.0.1:1', tls: {self_signed: [x]}}]\n",
    "notify: {webhook: 'https://x'}\n",
], ids=lambda text: text.split(":")[0])
def test_what_is_not_built_yet_is_refused(tmp_path, text):
    file = tmp_path / "reeve.yaml"
    file.write_text(text)
    for verb in ("check", "run"):
        done = command(verb, file)
        assert done.returncode == 2 and "not supported yet" in done.stderr
        assert done.stderr.startswith(f"{file}:1:")


def test_run_takes_its_state_from_the_file(tmp_path):
    """Not from --state, which would be another place than the one the user thinks of."""
    file = tmp_path / "reeve.yaml"
    file.write_text(f"listen: [{{address: '127.0.0.1:{free_port()}'}}]\n")
    done = command("run", "--state", tmp_path / "elsewhere", file)
    assert done.returncode == 2 and "`state:`" in done.stderr


def test_check_looks_at_what_the_file_names(tmp_path):
    file = tmp_path / "reeve.yaml"
    (tmp_path / "closed").mkdir(mode=0o700)
    file.write_text("user: nobody\nroutes:\n  - {path: /*, files: closed}\n")
    done = command("check", file)
    assert done.returncode == 2 and f"{file}:3:" in done.stderr and "nobody" in done.stderr
    file.write_text("routes:\n  - {path: /*, files: missing}\n")
    done = command("check", file)
    assert done.returncode == 2 and f"{file}:2:" in done.stderr and "missing" in done.stderr


def test_check_warns_of_what_would_answer_nobody(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "there.jsonl").write_text("")
    (folder / "link.jsonl").symlink_to("there.jsonl")
    file = tmp_path / "reeve.yaml"
    file.write_text("console: {listen: '0.0.0.0:8081'}\nroutes:\n"
                    "  - {path: /a, events: {file: data/link.jsonl}}\n  - {path: /b, events: {file: data/there.jsonl}}\n")
    done = command("check", file)
    assert done.returncode == 0, done.stderr
    assert f"{file}:1:11: warning: console.listen: without `auth` the API answers 403 on 0.0.0.0:8081" in done.stderr
    assert f"{file}:3:25: warning: routes[0].events.file: {folder}/link.jsonl is a symbolic link" in done.stderr
    assert done.stderr.count("warning") == 2


def test_config_shows_the_effective_configuration(tmp_path):
    file = tmp_path / "reeve.yaml"
    file.write_text("name: shown\nservices:\n  api: {command: [x, '${PORT}'], backoff: {max: 7s}}\n"
                    "routes: [{path: /*, to: api}]\n")
    shown = command("config", file)
    assert shown.returncode == 0
    marked = {line.split("#")[0].strip() for line in shown.stdout.splitlines() if "default" in line}
    plain = {line.strip() for line in shown.stdout.splitlines() if "default" not in line}
    assert "name: shown" in plain and any("7s" in line for line in plain)
    assert any("200ms" in line for line in marked) and any("127.0.0.1:8080" in line for line in marked | plain)
    told = json.loads(command("config", "--json", "-c", file).stdout)["config"]
    assert told["name"] == "shown" and told["services"]["api"]["backoff"]["max"] == "7s"
    assert command("check", "-", given=shown.stdout, cwd=tmp_path).returncode == 0, "what it prints is a configuration"


# --- finding the file and the keeper ---------------------------------------------------------------------------

def test_where_the_configuration_is_found(tmp_path):
    inner = tmp_path / "project/deep/down"
    inner.mkdir(parents=True)
    for folder, name in ((tmp_path / "project", "parent"), (tmp_path, "other")):
        (folder / "reeve.yaml").write_text(f"name: {name}\n{PAGE}")
    def name(*words, cwd=inner, **environment):
        return json.loads(command(*words, "--json", cwd=cwd, **environment).stdout)["config"]["name"]
    other = tmp_path / "reeve.yaml"
    assert name("config") == "parent", "a parent directory's"
    assert name("config", cwd=tmp_path) == "other"
    assert name("config", REEVE_CONFIG=str(other)) == "other"
    assert name("config", "-c", other) == "other"
    assert name("-c", other, "config") == "other"
    assert name("config", f"-c={other}", REEVE_CONFIG="/does/not/exist") == "other"
    assert name("config", other) == "other"
    missing = command("config", REEVE_CONFIG="/does/not/exist")
    assert missing.returncode == 2 and "/does/not/exist" in missing.stderr
    nowhere = command("config", cwd="/proc")
    assert nowhere.returncode == 2 and "reeve init" in nowhere.stderr


def test_the_keeper_is_found_when_the_file_is_broken(reeve):
    echo(reeve)
    reeve.wait_state("echo", "ready")
    good = reeve.file.read_text()
    reeve.file.write_text("name: [\n")
    assert command("-c", reeve.file, "status").returncode == 2
    for words, environment in ((["--state", reeve.state, "status"], {}), (["status", "--state", reeve.state], {}),
                               ([f"--state={reeve.state}", "status"], {}),
                               (["status"], {"REEVE_STATE": str(reeve.state)})):
        done = command(*words, **environment)
        assert done.returncode == 0 and "echo" in done.stdout, (words, done)
    assert command("--state", reeve.state, "restart", "echo").returncode == 0
    assert "listens" in command("--state", reeve.state, "logs", "echo").stdout
    down = command("--state", reeve.state, "down")
    assert down.returncode == 0 and reeve.process.wait(10 * SLACK) == 0
    reeve.file.write_text(good)


def test_a_broken_file_tells_who_runs_by_it(reeve):
    echo(reeve)
    with reeve.file.open("a") as file:
        file.write("foo: 1\n")
    for words in (["status"], ["logs"], ["why", "echo"], ["down"], ["connections"]):
        done = reeve.verb(*words, check=False)
        assert done.returncode == 2 and "foo" in done.stderr, done
        assert f"runs as pid {reeve.process.pid}; `reeve --state {reeve.state} status` finds it" in done.stderr, done
    assert command("--state", reeve.state, "status").returncode in (0, 1)
    reeve.stop()
    assert "pid" not in reeve.verb("status", check=False).stderr


def test_no_reeve_runs(reeve):
    reeve.configure(PAGE)
    for words in (["status"], ["status", "-q"], ["down"], ["start", "x"], ["stop", "x"], ["restart", "x"]):
        done = reeve.verb(*words, check=False)
        assert done.returncode == 5 and "reeve run" in done.stderr, words
    assert command("status", "--state", reeve.folder / "nothing").returncode == 5
    done = reeve.verb("status", "--json", check=False)
    assert done.returncode == 5 and json.loads(done.stdout)["error"]["text"] in done.stderr
    assert "reeve run" in json.loads(done.stdout)["error"]["text"]
    reeve.start()
    reeve.stop()
    assert reeve.verb("status", check=False).returncode == 5
    assert command("status", "--state", reeve.state).returncode == 5


# --- status, start, stop, restart ------------------------------------------------------------------------------

def test_status(reeve):
    echo(reeve, "  lazy: {command: [sleep, '1000'], listen: none, start: demand}\n"
                "  wild: {command: [sh, -c, 'exit 3'], listen: none, restart: never}\n")
    row = reeve.wait_state("echo", "ready")
    reeve.wait_state("wild", "failed")
    shown = reeve.verb("status", check=False)
    assert shown.returncode == 1, "one that is wanted has failed"
    for text in (reeve.name, str(reeve.file), str(reeve.state), f"pid {reeve.process.pid}", f"127.0.0.1:{reeve.port}",
                 str(row["run"]["pid"]), row["address"], "exited with 3"):
        assert text in shown.stdout, text
    quiet = reeve.verb("status", "-q", check=False)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", "")
    reeve.verb("stop", "wild")
    assert reeve.verb("status", "-q").returncode == 0
    told = json.loads(reeve.verb("status", "--json").stdout)
    assert [row["name"] for row in told["targets"]] == ["echo", "lazy", "wild"]
    assert set(told["targets"][0]) >= {"name", "kind", "wanted", "state", "since", "ready", "address", "url", "owner",
                                       "restarts", "next_attempt", "cause", "run", "streams", "idle_since"}
    assert told["keeper"]["pid"] == reeve.process.pid and all(gate["pid"] for gate in told["gates"])


def test_verbs_return_when_their_effect_is_there(reeve):
    echo(reeve, "  slow: {command: [" + program("echo.py") + ", --port, '${PORT}', --delay, '0.7']}\n")
    reeve.wait_state("echo", "ready"), reeve.wait_state("slow", "ready")
    pids = [reeve.target(name)["run"]["pid"] for name in ("echo", "slow")]
    shown = json.loads(reeve.verb("stop", "echo", "slow", "--json").stdout)
    assert not any(map(kernel.alive, pids))
    assert sorted((row["name"], row["state"], row["wanted"]) for row in shown) == [("echo", "down", "down"),
                                                                                   ("slow", "down", "down")]
    assert reeve.get()[0] == 503
    shown = json.loads(reeve.verb("start", "slow", "echo", "--json").stdout)
    assert {row["state"] for row in shown} == {"ready"}
    assert reeve.get()[0] == 200
    pid = reeve.target("echo")["run"]["pid"]
    reeve.verb("restart", "echo")
    assert not kernel.alive(pid) and reeve.target("echo")["state"] == "ready"
    assert reeve.get()[0] == 200
    reeve.verb("start", "echo")
    assert reeve.target("echo")["run"]["pid"] != pid, "what is ready stays as it is"
    assert reeve.target("echo")["restarts"] == 0, "what somebody asked for is no restart"


def test_verbs_fail_with_the_cause(reeve):
    echo(reeve, "  broken: {command: [/does/not/exist], listen: none, start: demand}\n"
                "  mute: {command: [sleep, '1000'], listen: tcp, start: demand, ready: {timeout: 300ms}}\n"
                "  far: {address: 'http://127.0.0.1:9'}\n")
    for name, text in (("broken", "No such file"), ("mute", "did not listen"), ("far", "kept by someone else")):
        done = reeve.verb("start", name, check=False)
        assert done.returncode == 1 and text in done.stderr and name in done.stderr, done
    for verb in ("start", "stop", "restart"):
        done = reeve.verb(verb, "echo", "nosuch", check=False)
        assert done.returncode == 6 and "nosuch" in done.stderr
    reeve.wait_state("echo", "ready")
    assert reeve.verb("logs", "nosuch", check=False).returncode == 6
    done = reeve.verb("rm", "echo", check=False)
    assert done.returncode == 6 and "echo is a service" in done.stderr and "reeve stop echo" in done.stderr
    assert reeve.verb("attach", "nosuch", check=False).returncode == 6  # not: it needs a terminal
    done = reeve.verb("check", "--json", str(reeve.folder / "nowhere.yaml"), check=False)
    assert done.returncode == 2 and "nowhere.yaml" in json.loads(done.stdout)["error"]["text"]
    reeve.verb("stop", "mute", "broken")


def test_no_wait(reeve):
    echo(reeve, "  slow: {command: [" + program("echo.py") + ", --port, '${PORT}', --delay, '1000'], start: demand}\n")
    reeve.verb("start", "slow", "--no-wait")
    reeve.wait_state("slow", "starting")
    reeve.verb("stop", "slow", "--no-wait")
    reeve.wait_state("slow", "down")


def test_a_verb_that_waits_is_answered_when_another_one_decides(reeve):
    """`start` of what then gets stopped must not wait for ever."""
    echo(reeve, "  slow: {command: [" + program("echo.py") + ", --port, '${PORT}', --delay, '1000'], start: demand}\n")
    start = subprocess.Popen([BIN, "-c", reeve.file, "start", "slow"], stderr=subprocess.PIPE, text=True)
    reeve.wait_state("slow", "starting")
    reeve.verb("stop", "slow")
    _, errors = start.communicate(timeout=120)
    assert start.returncode == 1 and "slow is down" in errors


def test_stopped_stays_stopped(reeve):
    echo(reeve)
    reeve.wait_state("echo", "ready")
    reeve.verb("stop", "echo")
    for end in (reeve.stop, reeve.kill_keeper):
        end()
        reeve.start()
        row = reeve.target("echo")
        assert (row["state"], row["wanted"], row["cause"]["kind"]) == ("down", "down", "stopped")
        assert "stopped by the operator" in reeve.verb("status").stdout
    reeve.verb("start", "echo")
    reeve.stop()
    reeve.start()
    assert reeve.wait_state("echo", "ready")["wanted"] == "up"


# --- logs ------------------------------------------------------------------------------------------------------

def said(number):
    """What a run of `one` has written; which of two pipes is read first is nobody's promise."""
    return sorted([f"run {number} says", "oops"])


def by_run(text, *numbers):
    """It is what these runs have written, one after the other."""
    lines = text.splitlines()
    return [sorted(lines[at:at + 2]) for at in range(0, len(lines), 2)] == [said(number) for number in numbers]


def talkers(reeve):
    """Two services; each run of `one` says which it is."""
    reeve.start("services:\n"
                "  one: {command: [sh, -c, 'echo run >> runs; echo run $(wc -l < runs) says; echo oops >&2; exec sleep 1000'],"
                " listen: none}\n"
                "  second: {command: [sh, -c, 'echo from the second; exec sleep 1000'], listen: none}\n")
    wait_for(lambda: len(reeve.lines("one")) == 2 and len(reeve.lines("second")) == 1, what="the first lines")


def test_logs(reeve):
    talkers(reeve)
    assert by_run(reeve.verb("logs", "one").stdout, 1)
    both = reeve.verb("logs").stdout.splitlines()
    assert sorted(both) == ["one    | oops", "one    | run 1 says", "second | from the second"]
    told = [json.loads(line) for line in reeve.verb("logs", "--json", "one").stdout.splitlines()]
    assert sorted((row["target"], row["run"], row["stream"], row["text"]) for row in told) == [
        ("one", 1, "stderr", "oops"), ("one", 1, "stdout", "run 1 says")]
    reeve.verb("restart", "one")
    wait_for(lambda: len(reeve.lines("one")) == 4, what="the second run's lines")
    assert by_run(reeve.verb("logs", "one").stdout, 1, 2)
    assert by_run(reeve.verb("logs", "--previous", "one").stdout, 1)
    reeve.stop()
    assert by_run(reeve.verb("logs", "one").stdout, 1, 2), "logs need no keeper"


def test_logs_since(reeve):
    talkers(reeve)
    assert by_run(reeve.verb("logs", "--since", "10m", "one").stdout, 1)
    moment = reeve.lines("one")[-1]["time"]
    wait_for(lambda: time.time() > seconds(moment) + 0.01, what="the clock to go on")
    reeve.verb("restart", "one")
    wait_for(lambda: len(reeve.lines("one")) == 4, what="the second run's lines")
    later = reeve.lines("one")[2]["time"]
    assert by_run(reeve.verb("logs", "--since", later, "one").stdout, 2)
    assert by_run("".join(reeve.verb("logs", "--since", later[:19] + "Z", "one").stdout.splitlines(True)[-2:]), 2)
    assert reeve.verb("logs", "--since", "2099-01-01T00:00:00Z").stdout == ""
    assert reeve.verb("logs", "--since", "0s", "one").stdout == ""


def test_logs_say_who_has_written_nothing(reeve):
    """An empty answer left open whether the name was right, and where the lines went."""
    reeve.start("services:\n  quiet: {command: [cat], start: demand, listen: none}\n"
                "  mute: {command: [sleep, '1000'], listen: none}\n")
    assert reeve.verb("logs").stderr == "reeve: quiet has written nothing yet\nreeve: mute has written nothing yet\n"
    done = reeve.verb("logs", "--json", "mute")
    assert done.stdout == "" and done.stderr == "reeve: mute has written nothing yet\n"
    done = reeve.verb("logs", "nosuch", check=False)
    assert done.returncode == 6 and "nosuch" in done.stderr and "nothing yet" not in done.stderr


def test_logs_say_what_their_options_leave_out(reeve):
    talkers(reeve)
    assert reeve.verb("logs", "one").stderr == reeve.verb("logs").stderr == ""
    assert "nothing of one from a run before" in reeve.verb("logs", "--previous", "one").stderr
    done = reeve.verb("logs", "--since", "2099-01-01T00:00:00Z")
    assert "one has written nothing since 2099-01-01T00:00:00Z" in done.stderr and "second has" in done.stderr


def test_logs_follow_waits_for_who_has_written_nothing(reeve):
    reeve.start("services:\n  late: {command: [sh, -c, 'echo here; exec sleep 1000'], start: demand, listen: none}\n")
    follow = subprocess.Popen([BIN, "-c", reeve.file, "logs", "-f", "late"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    with follow:
        try:
            assert follow.stderr.readline() == "reeve: late has written nothing yet\n"
            reeve.verb("start", "late")
            assert follow.stdout.readline() == "here\n"
        finally:
            follow.kill()


def test_logs_follow(reeve):
    talkers(reeve)
    follow = subprocess.Popen([BIN, "-c", reeve.file, "logs", "-f", "one"], stdout=subprocess.PIPE, text=True)
    try:
        assert by_run("".join(follow.stdout.readline() for _ in range(2)), 1)
        reeve.verb("restart", "one")
        assert by_run("".join(follow.stdout.readline() for _ in range(2)), 2)
        follow.send_signal(signal.SIGINT)
        assert follow.wait(120) in (0, 130, -signal.SIGINT)
    finally:
        follow.kill()
        follow.wait()
        follow.stdout.close()


# --- run and down ----------------------------------------------------------------------------------------------

def test_run_detached_and_down(reeve):
    reeve.configure(f"services:\n  echo: {ECHO}\nroutes: [{{path: /*, to: echo}}]\n")
    begun = reeve.verb("run", "-d")
    try:
        assert reeve.get()[0] == 200, "it returns when it serves"
        told = reeve.status()
        pid = told["keeper"]["pid"]
        for text in (reeve.name, str(reeve.file), f"http://127.0.0.1:{reeve.port}/", "ready",
                     str(told["targets"][0]["run"]["pid"])):
            assert text in begun.stdout
        assert kernel.session(pid) == pid and kernel.descriptors(pid)[0] == "/dev/null"
    finally:
        reeve.verb("down")
    assert not kernel.alive(pid) and not reeve.left()
    with pytest.raises(ConnectionRefusedError):
        reeve.get()
    again = reeve.verb("down", check=False)
    assert again.returncode == 5


def test_run_detached_tells_why_it_cannot(reeve):
    reeve.configure(PAGE, user="nosuchuser")
    done = reeve.verb("run", "-d", check=False)
    assert done.returncode == 2 and "nosuchuser" in done.stderr


def deaf(reeve):
    """A service that ignores SIGTERM and has a minute to end."""
    reeve.start(f"services:\n  deaf: {{command: [{PYTHON}, -uc, 'import signal; signal.signal(15, signal.SIG_IGN);"
                " print(1); signal.pause()'], listen: none, stop: {grace: 60s}}\n" + PAGE)
    wait_for(lambda: reeve.lines("deaf"), what="it to be deaf")
    return reeve.target("deaf")["run"]["pid"]


def test_down_now(reeve):
    pid = deaf(reeve)
    begun = time.monotonic()
    reeve.verb("down", "--now")
    assert time.monotonic() - begun < 3 * SLACK
    assert not kernel.alive(pid) and reeve.process.wait(10 * SLACK) == 0


def test_down_cut_short_by_another(reeve):
    pid = deaf(reeve)
    down = subprocess.Popen([BIN, "-c", reeve.file, "down"])
    wait_for(lambda: reeve.status()["keeper"]["phase"] == "stopping", what="it to be stopping")
    assert kernel.alive(pid)
    reeve.verb("down", "--now")
    assert down.wait(120) == 0 and not kernel.alive(pid)


def test_ctrl_c_stops_in_order_and_a_second_one_kills(reeve):
    pid = deaf(reeve)
    reeve.process.send_signal(signal.SIGINT)
    wait_for(lambda: reeve.target("deaf")["state"] == "stopping", what="the service to be stopping")
    with pytest.raises(subprocess.TimeoutExpired):
        reeve.process.wait(0.3)
    assert kernel.alive(pid)
    reeve.process.send_signal(signal.SIGINT)
    assert reeve.process.wait(5 * SLACK) == 0
    assert not kernel.alive(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_is_enough(reeve, number):
    echo(reeve)
    pid = reeve.wait_state("echo", "ready")["run"]["pid"]
    gates = reeve.gates()
    reeve.process.send_signal(number)
    assert reeve.process.wait(10 * SLACK) == 0
    assert not any(map(kernel.alive, [pid, *gates]))
    assert [event for name, event, _ in reeve.journal() if name is None][-1] == "end"


def test_a_hangup_without_a_change_harms_nothing(reeve):
    echo(reeve)
    pid = reeve.wait_state("echo", "ready")["run"]["pid"]
    reeve.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reloaded" in reeve.log(), what="the word of it")
    assert reeve.target("echo")["run"]["pid"] == pid and reeve.get()[0] == 200


class Terminal:
    """`reeve run` on a terminal."""

    def __init__(self, reeve, **environment):
        self.reeve, self.text, self.decoder = reeve, "", codecs.getincrementaldecoder("utf-8")()
        self.master, slave = pty.openpty()
        reeve.process = subprocess.Popen([BIN, "run", "-c", str(reeve.file)], stdin=slave, stdout=slave, stderr=slave,
                                         cwd=reeve.folder, start_new_session=True, env=os.environ | environment)
        os.close(slave)

    def read_to(self, mark, timeout=20):
        deadline = time.monotonic() + timeout * SLACK
        while mark not in self.text:
            assert select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0], self.text
            try:
                self.text += self.decoder.decode(os.read(self.master, 65536)).replace("\r\n", "\n")
            except OSError:
                pytest.fail(f"the terminal closed before {mark!r}:\n{self.text}")
        return re.sub(r"\x1b\[\d*m", "", self.text)

    def close(self):
        os.close(self.master)


def test_the_start_screen(reeve):
    reeve.configure(f"services:\n  echo: {ECHO}\nroutes: [{{path: /*, to: echo}}]\n")
    terminal = Terminal(reeve, SSH_CONNECTION="192.0.2.7 50000 192.0.2.1 2222", USER="ann")
    try:
        screen = terminal.read_to("Ctrl-C")
        row = reeve.target("echo")
        pid = row["run"]["pid"]
        assert re.search(rf"{reeve.name} · reeve \d", screen)
        assert f"file    {reeve.file}" in screen and f"state   {reeve.state}" in screen
        assert re.search(rf"echo +ready +{pid} +{row['address']} +\d+\.\d+ s", screen), screen
        assert f"open    http://127.0.0.1:{reeve.port}/" in screen
        console = reeve.status()["keeper"]["console"]
        assert console.startswith("http://127.0.0.1:") and f"  api     {console}api/v1/" in screen
        assert f"  api    {console}api/v1/\n" in reeve.verb("status").stdout
        assert f"ssh -L {reeve.port}:127.0.0.1:{reeve.port} -p 2222 ann@192.0.2.1" in screen
        assert f"try     kill -9 {pid}" in screen
        for verb in ("status", "logs -f", "down"):
            assert f"{BIN} -c {reeve.file} {verb}\n" in screen
        reeve.get("/from/the/terminal")
        assert 'echo | "GET /from/the/terminal' in terminal.read_to("/from/the/terminal HTTP")
        reeve.process.send_signal(signal.SIGINT)
        assert reeve.process.wait(10 * SLACK) == 0
    finally:
        terminal.close()


def test_run_into_a_pipe_is_json(reeve):
    echo(reeve)
    reeve.wait_state("echo", "ready")
    reeve.get("/piped")
    lines = wait_for(lambda: (text := reeve.out.read_text()).endswith("\n") and "/piped" in text and text.splitlines())
    rows = [json.loads(line) for line in lines]
    (serving,) = [row for row in rows if row.get("event") == "serving"]
    assert serving["url"] == f"http://127.0.0.1:{reeve.port}/"
    assert serving["console"] == reeve.status()["keeper"]["console"] != None
    assert [(row["name"], row["state"]) for row in serving["targets"]] == [("echo", "ready")]
    assert [row for row in rows if row.get("target") == "echo" and row.get("stream") == "stdout"]
    for line in whole_lines(reeve.err):
        assert {"time", "level", "event"} <= set(json.loads(line))


@pytest.mark.parametrize("text, place, what", [
    ("routes: [{path: /*, to: nobody}]\n", "4:", "nobody"),
    ("user: nosuchuser\n", "", "nosuchuser"),
], ids=["route to nowhere", "unknown user"])
def test_run_refuses_a_bad_configuration(reeve, text, place, what):
    reeve.configure(text).spawn()
    code = reeve.process.wait(20 * SLACK)
    assert code == 2 and what in reeve.log() and f"{reeve.file}:{place}" in reeve.log(), reeve.log()


# --- init ------------------------------------------------------------------------------------------------------

SERVER = ("import http.server, os, sys\n"
          "arguments = ' '.join(sys.argv)\n"
          "port = next((word for word in sys.argv[::-1] if word.isdigit()), os.environ.get('PORT'))\n"
          "http.server.HTTPServer(('127.0.0.1', int(port)), http.server.SimpleHTTPRequestHandler).serve_forever()\n")
DIRECTORIES = {
    "nothing": ({}, "/", b"Directory listing"),
    "a built page": ({"dist/index.html": "<p>built</p>"}, "/any/view", b"<p>built</p>"),
    "a page": ({"index.html": "<p>plain</p>"}, "/", b"<p>plain</p>"),
    "package.json with vite": ({"package.json": '{"scripts": {"dev": "vite"}}', "file.txt": "x"}, "/file.txt", b"x"),
    "package.json with start": ({"package.json": '{"scripts": {"start": "node server.js"}}', "file.txt": "x"},
                                "/file.txt", b"x"),
    "FastAPI": ({"main.py": "from fastapi import FastAPI\napp = FastAPI()\n"}, "/main.py", b"FastAPI()"),
    "FastAPI and a built page": ({"main.py": "app = FastAPI()\n", "dist/index.html": "<p>page</p>"}, "/view",
                                 b"<p>page</p>"),
    "Flask": ({"app.py": "from flask import Flask\napp = Flask(__name__)\n"}, "/app.py", b"Flask("),
    "Django": ({"manage.py": SERVER.replace("sys.argv[::-1]", "sys.argv[-1].split(':')")}, "/manage.py", b"http.server"),
    "Procfile": ({"Procfile": "worker: sleep 1000\nweb: MODE=\"a b\" python3 server.py $PORT\n", "server.py": SERVER},
                 "/Procfile", b"worker"),
    "Procfile with two commands": ({"Procfile": "web: cd sub && python3 ../server.py\n", "server.py": SERVER,
                                    "sub/here.txt": "inside"}, "/here.txt", b"inside"),
    "pyproject.toml": ({"pyproject.toml": '[project]\nname = "shop"\ndependencies = ["fastapi"]\n',
                        "shop/main.py": "app = FastAPI()\n", "told": "x"}, "/told", b"x"),
    "compose file": ({"compose.yaml": "services:\n  web:\n    image: nginx\n    ports:\n      - '8080:80'\n"}, None, None),
}


@pytest.mark.parametrize("kind", DIRECTORIES)
def test_init(reeve, kind):
    files, path, answer = DIRECTORIES[kind]
    for name, text in files.items():
        (reeve.folder / name).parent.mkdir(exist_ok=True)
        (reeve.folder / name).write_text(text)
    tools = reeve.folder.parent / f"{reeve.folder.name}-tools"  # what the file calls, without the installation
    tools.mkdir()
    for name in ("npm", "uvicorn", "flask"):
        (tools / name).write_text(f"#!{PYTHON}\n{SERVER}")
        (tools / name).chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    done = command("init", cwd=reeve.folder, **environment)
    assert done.returncode == 0, done.stderr
    text = reeve.file.read_text()
    assert text in done.stdout and text.count("\n") <= 15, text
    checked = command("check", cwd=reeve.folder, **environment)
    assert checked.returncode == 0, checked.stderr + text
    again = command("init", cwd=reeve.folder)
    assert again.returncode == 1 and "--force" in again.stderr and reeve.file.read_text() == text
    if kind != "nothing":
        assert "nothing was recognised" not in text
    if path:
        reeve.file.write_text(f"name: {reeve.name}\nstate: {reeve.state}\n{text.replace('8080', str(reeve.port))}")
        reeve.spawn(**environment)
        wait_for(reeve.serving, 20, "reeve to serve")
        wait_for(lambda: all(row["ready"] for row in reeve.status()["targets"]), 20, "all targets to be ready")
        status, _, body = reeve.get(path, {"Accept": "text/html"})
        assert status == 200 and answer in body, (status, body, text)


def test_init_overwrites_when_told(tmp_path):
    (tmp_path / "reeve.yaml").write_text("old\n" * 1000)
    told = command("init", "--force", "--json", cwd=tmp_path)
    assert told.returncode == 0 and json.loads(told.stdout)["file"] == "reeve.yaml"
    assert command("check", cwd=tmp_path).returncode == 0
