"""Names that people give and nobody expects."""
import os
import pathlib

from conftest import program, wait_for


def test_a_folder_whose_name_is_not_utf8(reeve):
    folder = os.fsencode(reeve.folder) + b"/d\xff"
    os.mkdir(folder)
    reeve.folder = pathlib.Path(os.fsdecode(folder))
    reeve.file, reeve.state = reeve.folder / "reeve.yaml", reeve.folder / "state"
    reeve.file.write_text(f"name: {reeve.name}\nstate: state\nlisten: [{{address: \"127.0.0.1:{reeve.port}\"}}]\n"
                          f"services: {{echo: {{command: [{program('echo.py')}, --port, \"${{PORT}}\"]}}}}\n"
                          "routes: [{path: /*, to: echo}]\n")
    reeve.spawn()
    wait_for(lambda: reeve.process.poll() is not None or reeve.serving(), 20, "reeve to serve")
    assert reeve.process.poll() is None, reeve.log()
    reeve.wait_state("echo", "ready")
    assert reeve.get()[0] == 200
    keeper = reeve.status()["keeper"]
    assert keeper["config"].endswith("/d?/reeve.yaml") and keeper["state"].endswith("/d?/state")
    reeve.stop()
    assert [event for _, event, evidence in reeve.journal() if event == "start" and "pid" in evidence]
