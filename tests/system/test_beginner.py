"""What a beginner meets: each mistake is answered with what was found, where, and what to do."""
import json
import os
import pathlib
import socket
import subprocess

import pytest

import kernel
from conftest import BIN, wait_for, whole_lines


def run(folder, *words, **environment):
    return subprocess.run([BIN, *words], cwd=folder, capture_output=True, text=True, timeout=120,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(folder)} | environment)


@pytest.mark.parametrize("words, code, said", [
    (["-c", "reeve.yaml"], 2, "a verb is missing"),
    (["statu"], 2, "did you mean status?"),
    (["upgrade"], 2, "upgrade is not supported yet"),
    (["-c", "sub.yaml", "status"], 2, "cannot read"),
    (["status"], 2, "`reeve init` writes one"),
])
def test_words(tmp_path, words, code, said):
    done = run(tmp_path, *words)
    assert done.returncode == code and said in done.stderr, done.stderr


def test_version(tmp_path):
    for words in (["--version"], ["-c", "x", "--version"]):
        done = run(tmp_path, *words)
        assert done.returncode == 0 and done.stdout.count(".") == 2, done


def test_the_way_to_start_it_can_be_pasted(tmp_path):
    (tmp_path / "one.yaml").write_text("state: ./state\n")
    done = run(tmp_path, "-c", "one.yaml", "status")
    assert done.returncode == 5 and done.stderr.endswith(f"start it with: {BIN} -c one.yaml run\n"), done.stderr


APP = "from fastapi import FastAPI\napi = FastAPI()\n"
COMPOSE = """services:
  db: {image: postgres, ports: ["5432:5432"]}
  Shop_Web: {image: shop, ports: [{target: 80, published: 8080}]}
"""


@pytest.mark.parametrize("files, lines", [
    ({"main.py": APP}, ['    command: [uvicorn, "main:api", --port, "${PORT}"]', "  - {path: /*, to: api}"]),
    ({"app/main.py": APP, ".venv/bin/uvicorn": "#!/bin/sh\n"},
     ['    command: [.venv/bin/uvicorn, "app.main:api", --port, "${PORT}"]']),
    ({"compose.yaml": COMPOSE}, ['  - address: "127.0.0.1:8090"', "  shop-web:", '    address: "127.0.0.1:8080"']),
    ({"package.json": '{"scripts": {"dev": "vite"}}', "dist/index.html": "x"}, ["  - {path: /*, to: web}"]),
    ({"Procfile": "release: a\n" + "".join(f"c{i}: a\n" for i in range(9)) + "web: b && c\nWeb: d\n"},
     ["  web:", '    command: [sh, -c, "b && c"]', "    listen: tcp", '  c4: {command: [sh, -c, "a"]}']),
    ({"Procfile": "worker: sleep 9\n"}, ["  worker:"]),
])
def test_init_writes_what_starts(tmp_path, files, lines):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = run(tmp_path, "init")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "reeve.yaml").read_text().splitlines()
    assert len(written) <= 15 and not set(lines) - set(written), written
    checked = run(tmp_path, "check")
    assert checked.returncode == 0, checked.stderr


def test_each_role_has_its_name(reeve):
    """What top, ss and ps -e show: not "exe", and the three roles apart."""
    reeve.start("services: {a: {command: [sleep, 1000]}}\nroutes: [{path: /*, files: .}]\n")
    wait_for(lambda: reeve.target("a")["ready"], what="the service")
    hold = kernel.parent(reeve.target("a")["run"]["pid"])
    names = [pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in (reeve.process.pid, reeve.gates()[0], hold)]
    assert names == ["reeve", "reeve-gate", "reeve-hold"]


def test_what_befalls_a_service_is_told_in_the_output(reeve):
    reeve.start('services: {a: {command: [sh, -c, "echo last words; exit 3"], backoff: {initial: 100ms}}}\n')
    wait_for(lambda: any("next attempt" in line for line in whole_lines(reeve.out)), what="the news")
    lines = [json.loads(line) for line in whole_lines(reeve.out)[1:]]
    assert {line["target"] for line in lines} == {"a"}
    # "ready after" may come before or behind what the program says
    lines = [line for line in lines if line["stream"] != "reeve" or not line["text"].startswith("ready after")]
    end = next(at for at, line in enumerate(lines) if line["stream"] == "reeve")
    assert "exited with 3" in lines[end]["text"], lines
    if end > 0:  # else the start screen has told of the run
        assert lines[end - 1]["text"] == "last words", lines


def test_the_output_of_instances_is_among_that_of_services(reeve):
    reeve.start("templates: {job: {command: [sh, -c, 'echo hello; read go < go; echo bye'], restart: never}}\n")

    def lines():
        told = [json.loads(line) for line in whole_lines(reeve.out)[1:]]
        return [line["text"] for line in told if line.get("target") == "job/a1"]
    os.mkfifo(reeve.folder / "go")
    reeve.verb("create", "job", "a1")
    wait_for(lambda: "hello" in lines(), what="its first line")
    (reeve.folder / "go").write_text("\n")
    wait_for(lambda: "ended" in reeve.target("job/a1")["state"], what="its end")
    wait_for(lambda: len(lines()) > 3, what="its end to be told")
    assert lines()[-2] == "bye" and lines()[-1].startswith("exited with 0"), lines()
    reeve.verb("restart", "--no-wait", "job/a1")
    wait_for(lambda: lines().count("hello") == 2, what="its second run")
    assert lines().count("bye") == 1


MISTAKES = [
    ("services:\n  api:\n    command: foo\n   listen: tcp\n", "reeve.yaml:4:4", "that of line 3 in column 5"),
    ("routes:\n  - path: /*\n  to: api\n", "reeve.yaml:3:3", "that of line 2 in column 5"),
    ('services:\n  api: {command: [a, --port, ${PORT}]}\n', "reeve.yaml:2:", '[a, --port, "${PORT}"]'),
    ("services:\n\tapi: {}\n", "reeve.yaml:2:1", "never with tabs"),
    ("routes: [{path: /*, files: dist}]\n", "reeve.yaml:1:21", "build it first"),
    ("routes: [{path: /*, files: reeve.yaml}]\n", "reeve.yaml:1:21", "name the folder that the file is in"),
    ("log: {access: off}\n", "reeve.yaml:1:15", 'did you mean "none"?'),
    ("log: {access: ./no/such/log}\n", "reeve.yaml:1:", "log.access: "),
    ("services: {a: {comand: x}}\n", "reeve.yaml:1:16", 'did you mean "command"?'),
]


@pytest.mark.parametrize("text, place, advice", MISTAKES)
def test_check(tmp_path, text, place, advice):
    (tmp_path / "reeve.yaml").write_text(text)
    done = run(tmp_path, "check")
    assert done.returncode == 2 and place in done.stderr and advice in done.stderr, done.stderr


def test_check_makes_no_file(tmp_path):
    (tmp_path / "reeve.yaml").write_text("log: {access: ./access.log}\n")
    done = run(tmp_path, "check")
    assert done.returncode == 0 and [entry.name for entry in tmp_path.iterdir()] == ["reeve.yaml"], done.stderr


def test_check_warns_of_what_is_not_there(tmp_path):
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "pages").mkdir(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").write_text("#!/bin/sh\n")
    (tmp_path / "bin/tool").chmod(0o755)
    (tmp_path / "reeve.yaml").write_text("""services:
  a: {command: [no-such-program, "${PORT}"]}
  b: {command: [./script], user: no-such-account}
  c: {command: [./nothing]}
  d: {command: [sleep, 1], directory: nowhere}
  e: {command: [tool], env: {PATH: /nowhere}}
  good: {command: [sleep, 1]}
  found: {command: [tool], env: {PATH: "${config_dir}/bin"}}
routes: [{path: /*, files: pages, fallback: index.html}]
""")
    done = run(tmp_path, "check")
    assert done.returncode == 0 and "good: 7 services, 1 route, 1 listener" in done.stdout, done.stderr
    for place, said in [("2:7", "no-such-program is not in PATH"), ("3:28", "there is no account no-such-account"),
                        ("3:7", "chmod +x"), ("4:7", "there is no file"), ("5:28", "there is no folder"),
                        ("6:7", "tool is not in PATH"), ("9:35", "index.html")]:
        assert any(f"reeve.yaml:{place}: warning: " in line and said in line for line in done.stderr.splitlines()), \
            (place, done.stderr)
    assert ".found." not in done.stderr and ".good." not in done.stderr
    assert len(json.loads(run(tmp_path, "check", "--json").stdout)["warnings"]) == len(done.stderr.splitlines())


def test_an_address_that_this_machine_has_not(reeve):
    done = run(reeve.folder, "run", str(reeve.configure('listen: [{address: "192.0.2.1:80"}]\n').file))
    assert done.returncode == 1 and "this machine has no such address" in done.stderr


def test_a_port_that_is_waited_for(reeve):
    with socket.create_server(("127.0.0.1", reeve.port)):
        reeve.configure("takeover: {holder: own, timeout: 200ms}\n")
        done = run(reeve.folder, "run", str(reeve.file))
    assert done.returncode == 4 and "waiting for a port" in done.stderr and "takeover: any" in done.stderr


def test_a_start_while_the_last_one_is_ending(reeve):
    """`reeve down --no-wait; reeve run -d`: either it was seen to run still, or it has its place and starts."""
    reeve.configure("services: {a: {command: [sleep, 1000]}}\n")
    for _ in range(10):
        begun = reeve.verb("run", "-d", check=False)
        assert begun.returncode in (0, 3), begun.stderr
        reeve.verb("down", "--no-wait", check=False)
    reeve.verb("down", check=False)
