"""A copy of examples/workbench with a name, a state directory and a port of its own."""
import pathlib
import shutil

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/workbench"


def start(reeve):
    shutil.copytree(EXAMPLE, reeve.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state", "__pycache__"))
    text = reeve.file.read_text()
    assert "name: workbench\n" in text and "state: ./state\n" in text
    reeve.file.write_text(text.replace("name: workbench\n", f"name: {reeve.name}\n"))
    return reeve.start(environment={"PORT": str(reeve.port)})
