"""`reeve route URL` says from the file alone what a gate then does."""
import json
import socket
import subprocess

import pytest

from conftest import BIN, program

ROUTES = f"""services:
  web: {{command: [{program("echo.py")}, --port, "${{PORT}}"], listen: tcp}}
  nas: {{address: "127.0.0.1:9"}}
routes:
  - {{path: /api/*, to: web}}
  - {{path: /api/exact, to: nas}}
  - {{host: nas.lan, path: /*, to: nas}}
  - {{path: "/x/{{name}}/y", to: web}}
  - {{path: "/u/{{name}}/*", to: web, allow: ["user:{{name}}", "group:ops"]}}
  - {{path: /*, files: ./page}}
hosts: [nas.lan]
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("route")
    (folder / "page").mkdir()
    (folder / "reeve.yaml").write_text("name: route-test\n" + ROUTES)
    return folder / "reeve.yaml"


def route(file, url, *words):
    return subprocess.run([BIN, "-c", str(file), "route", url, *words], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("url,path,to", [
    ("/api/x", "/api/*", "web"),
    ("/api", "/api/*", "web"),
    ("http://127.0.0.1:8080/api/x?y=1#z", "/api/*", "web"),
    ("/api/./exact", "/api/exact", "nas"),
    ("/x/b/y", "/x/{name}/y", "web"),
    ("http://NAS.lan:80/", "/*", "nas"),
    ("nas.lan/api/x", "/*", "nas"),
    ("wss://127.0.0.1/api/socket", "/api/*", "web"),
])
def test_targets(file, url, path, to):
    row = json.loads(route(file, url, "--json").stdout)
    assert row["path"] == path and row["to"] == to and row["allow"] == ["anyone"]


def test_the_place_and_the_files(file):
    row = json.loads(route(file, "/index.html", "--json").stdout)
    line = 1 + ROUTES[:ROUTES.index("- {path: /*, files")].count("\n") + 1
    assert row["place"].endswith(f"reeve.yaml:{line}:5") and row["files"] == str(file.parent / "page")
    told = route(file, "/index.html").stdout
    assert f"reeve.yaml:{line}:5" in told and "anyone" in told


def test_who_may(file):
    assert json.loads(route(file, "/u/ann/x", "--json").stdout)["allow"] == ["user:ann", "group:ops"]
    assert "user:ann, group:ops" in route(file, "/u/ann/x").stdout


@pytest.mark.parametrize("url,text", [
    ("/health", "health"), ("/_reeve/ready", "readiness"), ("/_reeve/api/v1/targets", "API")])
def test_what_reeve_answers_itself(file, url, text):
    done = route(file, url)
    assert done.returncode == 0 and text in done.stdout


@pytest.mark.parametrize("url", ["/..", "ftp://x/", "http://[::1/", "http://a b/", "/%zz"])
def test_what_is_no_url(file, url):
    assert route(file, url).returncode == 2


@pytest.mark.parametrize("host,code", [("other.example", 1), ("127.0.0.1:80", 0), ("[::1]", 0), ("localhost", 0),
                                       ("nas.lan.", 0), (socket.gethostname().upper() + ".local", 0)])
def test_a_foreign_host(file, host, code):
    done = route(file, f"http://{host}/api/x")
    assert done.returncode == code and ("421" in done.stderr and "`hosts`" in done.stderr) == (code == 1), done


def test_nothing_leads_there(tmp_path):
    file = tmp_path / "reeve.yaml"
    file.write_text("services: {a: {address: '127.0.0.1:9'}}\nroutes: [{path: /a/*, to: a}]\n")
    done = route(file, "/b")
    assert done.returncode == 1 and "404" in done.stderr
