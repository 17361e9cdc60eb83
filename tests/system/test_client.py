"""/_reeve/client.js as it is served: on every listener, to anybody, small."""
import gzip
import http.client
import json
import pathlib

from conftest import free_port

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "web/client.js"
MOST = 4096  # compressed


def fetch(port, method="GET", **fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, "/_reeve/client.js", headers={name.replace("_", "-"): value for name, value in fields.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_on_every_listener(reeve):
    """Without a credential, the console's listener included, although routes and API ask for one."""
    second, console = free_port(), free_port()
    (reeve.folder / "users").touch()
    (reeve.folder / "users").chmod(0o600)
    reeve.start(f"""
listen: [{{address: "127.0.0.1:{reeve.port}"}}, {{address: "127.0.0.1:{second}"}}]
console: {{listen: "127.0.0.1:{console}"}}
auth: {{method: password, users: ./users}}
routes: [{{path: /*, files: .}}]
""")
    for port in (reeve.port, second, console):
        plain, body = fetch(port)
        assert plain.status == 200 and body == SOURCE.read_bytes()
        assert plain.headers["Content-Type"].startswith("text/javascript") and plain.headers["Content-Encoding"] is None
        packed, small = fetch(port, Accept_Encoding="br, gzip")
        assert packed.status == 200 and packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(small) == body
        assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]
        assert len(small) <= MOST and len(gzip.compress(body, 9)) <= MOST, len(small)
        for answer, encoding in ((plain, "identity"), (packed, "gzip")):
            again, nothing = fetch(port, Accept_Encoding=encoding, If_None_Match=answer.headers["ETag"])
            assert (again.status, nothing) == (304, b"")
        assert packed.headers["ETag"] != plain.headers["ETag"]
        head, nothing = fetch(port, "HEAD")
        assert head.status == 200 and nothing == b"" and int(head.headers["Content-Length"]) == len(body)
        assert fetch(port, "DELETE")[0].status == 405
    assert reeve.get("/other")[0] == 401
    assert json.loads(reeve.get("/health")[2]) == {"status": "ok"}


def test_foreign_host(reeve):
    reeve.start("routes: [{path: /*, files: .}]")
    assert fetch(reeve.port, Host="evil.example")[0].status == 421


def test_it_needs_nothing():
    """One plain module: no import, no eval, every export described in docs/client.md."""
    text = SOURCE.read_text()
    page = (SOURCE.parents[1] / "docs/client.md").read_text()
    assert "import " not in text.replace("important", "") and "eval(" not in text and "new Function" not in text
    exports = [line.split()[2].partition("(")[0] for line in text.splitlines() if line.startswith("export ")]
    assert sorted(exports) == ["events", "socket"]
    assert all(f"`{name}(url, options)`" in page for name in exports)
