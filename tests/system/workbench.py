"""A copy of examples/workbench with a name, a state directory and ports of its own."""
import pathlib
import shutil

from conftest import free_port

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/workbench"
MADE = shutil.ignore_patterns("state", "__pycache__", "users", "*.token", "lamps", "pass.json*", "meter.jsonl*")


def copy(reeve):
    shutil.copytree(EXAMPLE, reeve.folder, dirs_exist_ok=True, ignore=MADE)
    text = reeve.file.read_text()
    assert "name: workbench\n" in text and "state: ./state\n" in text
    reeve.file.write_text(text.replace("name: workbench\n", f"name: {reeve.name}\n"))
    return reeve


def start(reeve):
    reeve.start(environment={"PORT": str(reeve.port), "CONSOLE_PORT": str(free_port())})
    for name in ("api", "feed", "meter"):
        reeve.wait_state(name, "ready", timeout=20)
    return reeve
