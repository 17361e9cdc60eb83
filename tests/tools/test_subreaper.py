"""tools/subreaper: statuses pass through, and nothing stays behind."""
import pathlib
import subprocess

import pytest

SUBREAPER = pathlib.Path(__file__).resolve().parents[2] / "tools/subreaper"


def run(*command):
    return subprocess.run([SUBREAPER, *command], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_status_is_the_commands(script, status):
    assert run("sh", "-c", script).returncode == status


def test_a_process_left_behind_is_named_and_killed():
    done = run("--grace", "0.5", "sh", "-c", "setsid sleep 1003 & echo $!")
    assert done.returncode == 125
    assert "sleep 1003" in done.stderr
    assert not pathlib.Path("/proc", done.stdout.strip()).exists()


def test_what_ends_by_itself_is_waited_for():
    assert run("sh", "-c", "sleep 0.3 &").returncode == 0


def test_a_timeout_ends_the_command():
    done = run("--timeout", "0.2", "sleep", "1004")
    assert done.returncode == 124 and "timed out" in done.stderr
