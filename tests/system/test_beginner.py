"""What a beginner meets: each mistake is answered with what was found, where, and what to do."""
import subprocess

import pytest

from conftest import BIN


def run(folder, *words, **environment):
    return subprocess.run([BIN, *words], cwd=folder, capture_output=True, text=True, timeout=30,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(folder)} | environment)


@pytest.mark.parametrize("words, code, said", [
    (["-c", "reeve.yaml"], 2, "a verb is missing"),
    (["statu"], 2, "did you mean status?"),
    (["reload"], 2, "reload is not supported yet"),
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
