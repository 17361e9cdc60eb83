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
