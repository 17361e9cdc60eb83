"""The long tests run rarely; that they still fit the harness is seen each time."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_long_test_can_be_collected():
    done = subprocess.run([sys.executable, "-B", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/soak"],
                          cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=110, check=False)
    assert done.returncode == 0, done.stdout
    for file in (ROOT / "tests/soak").glob("test_*.py"):
        assert f"{file.name}::" in done.stdout, done.stdout
