"""Files: what is served and with which fields, what never leaves the root, when the fallback answers, and roots that
only the keeper can reach or that gates cannot read."""
import email.utils
import hashlib
import os
import socket
import subprocess
import time

import pytest

from conftest import BIN, wait_for
from peers import Backend, Peer, Recorder

SECRET = b"the secret beside the root"
INDEX = b"<!doctype html><title>the page</title>"
LARGE = b"".join(b"%07d\n" % i for i in range(1 << 17))  # 1 MiB, each place different
NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def site(shared_reeve):
    """The root `dist` and what is around it, below a folder that is open to nobody but its owner."""
    closed = shared_reeve.folder / "closed"
    closed.mkdir(mode=0o700)
    root = closed / "dist"
    (root / "assets").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "plain").mkdir()
    (root / ".git").mkdir()
    (root / ".well-known").mkdir()
    (root / "index.html").write_bytes(INDEX)
    (root / "docs/index.html").write_bytes(b"<p>docs")
    (root / "app.js").write_bytes(b"let a = 1;\n")
    (root / "assets/app-B7xk29Qd.js").write_bytes(b"let b = 2;\n")
    (root / "assets/page-B7xk29Qd.html").write_bytes(b"<p>hashed")
    (root / "large.bin").write_bytes(LARGE)
    (root / "empty.txt").write_bytes(b"")
    (root / "a b+c%ä.txt").write_bytes(b"named")
    (root / ".env").write_bytes(SECRET)
    (root / "reeve.yaml").write_bytes(SECRET)
    (root / ".git/config").write_bytes(SECRET)
    (root / ".well-known/security.txt").write_bytes(b"Contact: x")
    (root / "v1.2").mkdir()
    (closed / "secret.txt").write_bytes(SECRET)
    (closed / "distance").mkdir()
    (closed / "distance/secret.txt").write_bytes(SECRET)
    (root / "link.txt").symlink_to("../secret.txt")
    (root / "absolute.txt").symlink_to(closed / "secret.txt")
    (root / "up").symlink_to("..")
    (root / "passwd.txt").symlink_to("/etc/passwd")
    (root / "loop.txt").symlink_to("loop.txt")
    (root / "inside.js").symlink_to("app.js")
    (root / "unreadable.txt").write_bytes(SECRET)
    (root / "unreadable.txt").chmod(0)
    os.mkfifo(root / "fifo.txt", 0o666)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket.txt"))
    os.chmod(root / "socket.txt", 0o777)
    return root


@pytest.fixture(scope="module")
def recorder():
    with Recorder() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def door(shared_reeve, site, recorder):
    with Backend() as absent:
        port = absent.port
    return shared_reeve.start(f"""
services:
  backend: {{address: "http://127.0.0.1:{recorder.port}"}}
  absent: {{address: "http://127.0.0.1:{port}"}}
routes:
  - {{path: /api/*, to: backend, strip: true}}
  - {{path: /absent/*, to: absent}}
  - {{path: /app/*, files: {site}, fallback: index.html}}
  - {{path: /bare/*, files: {site}}}
  - {{path: /*, files: {site}, fallback: index.html}}
""")


def fetch(door, target, headers=None, method="GET"):
    """A request whose target leaves the client as it is written here."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    with Peer.connect(door.port) as client:
        client.send(f"{method} ".encode() + (target if isinstance(target, bytes) else target.encode()) +
                    f" HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        return client.read_answer(method)


# --- what is served ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path, kind", [
    ("/index.html", "text/html; charset=utf-8"), ("/", "text/html; charset=utf-8"),
    ("/docs/", "text/html; charset=utf-8"), ("/app.js", "text/javascript; charset=utf-8"),
    ("/empty.txt", "text/plain; charset=utf-8"), ("/large.bin", "application/octet-stream"),
    ("/inside.js", "text/javascript; charset=utf-8"), ("/app/app.js", "text/javascript; charset=utf-8")])
def test_types(door, site, path, kind):
    answer = fetch(door, path)
    assert (answer.status, answer.fields["Content-Type"]) == (200, kind)
    file = site / path.removeprefix("/app/").lstrip("/")
    assert answer.body == (file / "index.html" if file.is_dir() else file).read_bytes()
    assert answer.fields["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name, kind", [
    ("x.css", "text/css; charset=utf-8"), ("x.json", "application/json"), ("x.svg", "image/svg+xml"),
    ("x.png", "image/png"), ("x.woff2", "font/woff2"), ("x.wasm", "application/wasm"),
    ("x.mjs", "text/javascript; charset=utf-8"), ("x.webmanifest", "application/manifest+json"),
    ("x.HTML", "text/html; charset=utf-8"), ("x.unknown", "application/octet-stream"),
    ("x", "application/octet-stream"), ("x.js.map", "application/json")])
def test_more_types(door, site, name, kind):
    (site / "plain" / name).write_bytes(b"x")
    assert fetch(door, f"/plain/{name}").fields["Content-Type"] == kind


def test_names_are_decoded_once(door, site):
    assert fetch(door, "/a%20b+c%25%C3%A4.txt").body == b"named"
    assert fetch(door, "/%61pp.js").body == (site / "app.js").read_bytes()
    assert fetch(door, "/%2561pp.js").status == 404
    assert fetch(door, "/app.js?x=%00&y=../..").status == 200


@pytest.mark.parametrize("path, caching", [
    ("/", "no-cache"), ("/app.js", "no-cache"), ("/assets/page-B7xk29Qd.html", "no-cache"),
    ("/assets/app-B7xk29Qd.js", "public, max-age=31536000, immutable")])
def test_cache_fields(door, path, caching):
    assert fetch(door, path).fields["Cache-Control"] == caching


def test_head(door):
    for path, size in (("/large.bin", len(LARGE)), ("/app.js", 11)):
        full, answer = fetch(door, path), fetch(door, path, method="HEAD")
        assert (answer.status, int(answer.fields["Content-Length"])) == (200, size)
        assert dict(answer.fields, Date="") == dict(full.fields, Date="")


def test_other_methods(door):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = fetch(door, "/app.js", NAVIGATE, method)
        assert (answer.status, answer.fields["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/app.js", "/large.bin"])
def test_conditions(door, path):
    first = fetch(door, path)
    tag, date = first.fields["ETag"], first.fields["Last-Modified"]
    earlier = email.utils.formatdate(email.utils.parsedate_to_datetime(date).timestamp() - 5, usegmt=True)
    for fields, status in (
            ({"If-None-Match": tag}, 304), ({"If-None-Match": "*"}, 304), ({"If-None-Match": f'"x", W/{tag}'}, 304),
            ({"If-None-Match": '"x"'}, 200), ({"If-Modified-Since": date}, 304), ({"If-Modified-Since": earlier}, 200),
            ({"If-None-Match": '"x"', "If-Modified-Since": date}, 200), ({"If-Modified-Since": "yesterday"}, 200),
            ({"If-Match": tag}, 200), ({"If-Match": '"x"'}, 412), ({"If-Match": '"x"', "Range": "bytes=0-4"}, 412),
            ({"If-Unmodified-Since": date}, 200), ({"If-Unmodified-Since": earlier}, 412)):
        answer = fetch(door, path, fields)
        assert answer.status == status, fields
        if status == 304:
            assert answer.body == b"" and answer.fields["ETag"] == tag
            assert answer.fields["Cache-Control"] == first.fields["Cache-Control"]
        else:
            assert answer.body == (first.body if status == 200 else b"")


@pytest.mark.parametrize("path", ["/app.js", "/large.bin"])
def test_ranges(door, path):
    whole = fetch(door, path)
    size, tag, date = len(whole.body), whole.fields["ETag"], whole.fields["Last-Modified"]
    assert whole.fields["Accept-Ranges"] == "bytes"
    for value, first, last in (("0-4", 0, 4), ("3-3", 3, 3), ("5-", 5, size - 1), ("-5", size - 5, size - 1),
                               (f"0-{size}", 0, size - 1), (f"-{size + 9}", 0, size - 1), (f"{size - 1}-", size - 1, size - 1)):
        for condition in ({}, {"If-Range": tag}, {"If-Range": date}):
            answer = fetch(door, path, {"Range": f"bytes={value}"} | condition)
            assert (answer.status, answer.fields["Content-Range"]) == (206, f"bytes {first}-{last}/{size}"), value
            assert answer.body == whole.body[first:last + 1]
    for value in (f"bytes={size}-", "bytes=-0", f"bytes={size}-{size + 5}"):
        answer = fetch(door, path, {"Range": value})
        assert (answer.status, answer.fields["Content-Range"]) == (416, f"bytes */{size}")
    for value in ("bytes=4-2", "bytes=a-b", "lines=0-4", "bytes=0-1,3-4", "bytes=-", "bytes=0x1-"):
        assert fetch(door, path, {"Range": value}).body == whole.body, value
    assert fetch(door, path, {"Range": "bytes=0-4", "If-Range": '"other"'}).body == whole.body
    assert fetch(door, path, {"Range": "bytes=0-4", "If-None-Match": tag}).status == 304


def test_many_at_once(door):
    """A large file to several slow readers, each its own place in it."""
    clients = [Peer.connect(door.port) for _ in range(8)]
    digests = [hashlib.sha256() for _ in clients]
    for client in clients:
        client.send(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").read_to(b"\r\n\r\n")
    for at in range(0, len(LARGE), 8192):
        for client, digest in zip(clients, digests):
            digest.update(client.read(min(8192, len(LARGE) - at)))
    for client in clients:
        client.socket.close()
    assert {digest.hexdigest() for digest in digests} == {hashlib.sha256(LARGE).hexdigest()}


def clock(site):
    """The time that the kernel gives to what changes now; it need not be another one than a moment ago."""
    (site / "clock.tmp").write_bytes(b"x")
    return (site / "clock.tmp").stat().st_mtime_ns


def test_a_changed_file_is_seen(door, site):
    """Also when its size stays, and when it is replaced by rename as bundlers do."""
    file = site / "changing.js"
    file.write_bytes(b"version 00")
    tags = set()
    for i in range(30):
        wait_for(lambda: clock(site) > file.stat().st_mtime_ns, 1, "a time of its own for the next version")
        content = b"version %02d" % i
        if i % 2:
            file.write_bytes(content)
        else:
            (site / "changing.tmp").write_bytes(content)
            (site / "changing.tmp").rename(file)
        answer = wait_for(lambda: (found := fetch(door, "/changing.js")).body == content and found, 1, "the new content")
        tags.add(answer.fields["ETag"])
    assert len(tags) == 30
    file.unlink()
    wait_for(lambda: fetch(door, "/changing.js").status == 404, 1, "the file to be gone")


def test_a_kept_file_that_changes_is_seen(door, site):
    """Gates keep small files in memory once they are some time old; that must not show."""
    file = site / "kept.js"
    for content in (b"first", b"other"):
        file.write_bytes(content)
        wait_for(lambda: time.time() - file.stat().st_ctime > 0.2, 1, "the file to be old enough to be kept")
        assert {fetch(door, "/kept.js").body for _ in range(20)} == {content}  # each gate has it
    file.unlink()
    wait_for(lambda: {fetch(door, "/kept.js").status for _ in range(20)} == {404}, 1, "the file to be gone")


def test_a_file_that_shrinks_is_cut_not_padded(door, site):
    """The client must see that the answer is not whole."""
    (site / "shrinking.bin").write_bytes(bytes(64 << 20))
    with Peer.connect(door.port) as client:
        client.send(b"GET /shrinking.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").read_to(b"\r\n\r\n")
        os.truncate(site / "shrinking.bin", 1000)
        assert len(client.read_to_end()) < 64 << 20
    (site / "shrinking.bin").unlink()


# --- what never leaves ------------------------------------------------------------------------------------------

TRAVERSALS = [
    "/../secret.txt", "/docs/../../secret.txt", "/%2e%2e/secret.txt", "/.%2E/secret.txt", "/docs/%2e%2e/%2e%2e/secret.txt",
    "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt", "/docs/..%2f..%2fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt",
    "/%252e%252e/secret.txt", "/..;/secret.txt", "//../secret.txt", "/./../secret.txt", "/docs//..//../secret.txt",
    "/app/../../secret.txt", "/app/..%2f..%2fsecret.txt", "/../distance/secret.txt", "/bare/../../distance/secret.txt",
    "/%c0%ae%c0%ae/secret.txt", "/%c0%ae%c0%ae%c0%afsecret.txt", "//etc/passwd", "/%2fetc/passwd", "/%2Fetc%2Fpasswd",
    "/link.txt", "/absolute.txt", "/passwd.txt", "/up/secret.txt", "/up/dist/../secret.txt", "/up/distance/secret.txt",
    "/loop.txt", "/reeve.yaml", "/.env", "/.git/config", "/.git%2fconfig", "/%2eenv", "/docs/../.env", "/app/.env", "/bare/.git/config",
    "/fifo.txt", "/socket.txt", "/bare/fifo.txt", "/proc/self/environ", "/index.html/", "/index.html/x.txt",
    "/app.js%00.txt", "/%00", "/docs%00/index.html", "/app.js%0a", "/" + "x" * 300 + ".txt", "/" + "x/" * 2000 + "y.txt"]


@pytest.mark.parametrize("navigating", [False, True], ids=["plain", "navigation"])
@pytest.mark.parametrize("target", TRAVERSALS, ids=lambda target: target[:40])
def test_never_leaves(door, target, navigating):
    """Neither a file outside nor a hidden or special one; and never a wait for the other end of a FIFO."""
    answer = fetch(door, target, NAVIGATE if navigating else None)
    assert answer.status in (400, 404) or (navigating and answer.body == INDEX), answer
    assert SECRET not in answer.body and b"root:" not in answer.body


def test_nul_in_the_target(door):
    assert fetch(door, b"/app.js\0").status == 400


def test_unreadable(door):
    answer = fetch(door, "/unreadable.txt")
    assert answer.status == 403 and SECRET not in answer.body
    assert b"user" in answer.body  # says whose rights are missing


def test_well_known_is_not_hidden(door):
    assert fetch(door, "/.well-known/security.txt").body == b"Contact: x"


def test_dots_that_stay_inside(door, site):
    assert fetch(door, "/docs/../app.js").body == (site / "app.js").read_bytes()
    assert fetch(door, "/./docs/./%2e/").body == b"<p>docs"


# --- the fallback -----------------------------------------------------------------------------------------------

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
FALLBACKS = [
    # fields, path, does the fallback answer
    (NAVIGATE, "/deep/link", True),
    (NAVIGATE, "/deep/link/", True),
    (NAVIGATE, "/plain", True),       # a directory without an index
    (NAVIGATE, "/plain/", True),
    (NAVIGATE, "/v1.2/page", True),   # a dot, but not in the last segment
    (NAVIGATE, "/v1.2/", True),
    (NAVIGATE, "/deep/link?file=a.js", True),
    (NAVIGATE, "/app/deep", True),    # under a route of files with a fallback of its own
    (NAVIGATE, "/bare/deep", False),  # under one without
    (NAVIGATE, "/deep/link.html", False),
    (NAVIGATE, "/deep/v1.2", False),
    (NAVIGATE, "/deep/a%2Ejs", False),
    (NAVIGATE, "/assets/gone-1a2b3c4d.js", False),
    ({"Sec-Fetch-Mode": "navigate"}, "/deep", True),  # whatever Accept says
    ({"Sec-Fetch-Mode": "navigate", "Accept": "application/json"}, "/deep", True),
    ({"Sec-Fetch-Mode": "cors", "Accept": "text/html"}, "/deep", False),  # a script's fetch()
    ({"Sec-Fetch-Mode": "no-cors", "Accept": BROWSER}, "/deep", False),
    ({"Sec-Fetch-Mode": "same-origin", "Accept": BROWSER}, "/deep", False),
    ({"Sec-Fetch-Mode": "websocket", "Accept": BROWSER}, "/deep", False),
    ({"Accept": BROWSER}, "/deep", True),  # browsers over plain HTTP send no Sec-Fetch-Mode
    ({"Accept": BROWSER}, "/deep.js", False),
    ({"Accept": "text/html"}, "/deep", True),
    ({"Accept": "TEXT/HTML"}, "/deep", True),
    ({"Accept": "text/html;level=1;q=0.7, */*;q=0.7"}, "/deep", True),
    ({"Accept": "application/json;q=0.5, text/html;q=0.5"}, "/deep", True),
    ({"Accept": "application/json, text/html"}, "/deep", True),
    ({"Accept": "application/json, text/html;q=0.9"}, "/deep", False),
    ({"Accept": "text/html;q=0.5, */*"}, "/deep", False),
    ({"Accept": "text/html;q=0"}, "/deep", False),
    ({"Accept": "*/*"}, "/deep", False),
    ({"Accept": "text/*"}, "/deep", False),
    ({"Accept": "application/json"}, "/deep", False),
    ({"Accept": "text/htmlx"}, "/deep", False),
    ({"Accept": ""}, "/deep", False),
    ({}, "/deep", False),
]


@pytest.mark.parametrize("fields, path, falls_back", FALLBACKS, ids=lambda value: str(value)[:60])
def test_fallback(door, fields, path, falls_back):
    answer = fetch(door, path, fields)
    if falls_back:
        assert (answer.status, answer.body) == (200, INDEX)
        assert answer.fields["Cache-Control"] == "no-cache"
    else:
        assert answer.status == 404 and INDEX not in answer.body


def test_fallback_is_for_get_alone(door):
    assert fetch(door, "/deep", NAVIGATE, "HEAD").status == 404
    assert fetch(door, "/deep", NAVIGATE, "POST").status == 405


def test_nothing_falls_back_under_a_proxied_prefix(door, recorder):
    recorder.targets()
    assert fetch(door, "/api/deep", NAVIGATE).body == b"GET /deep 0"
    answer = fetch(door, "/absent/deep", NAVIGATE)
    assert answer.status == 503 and INDEX not in answer.body and b"absent" in answer.body
    assert recorder.targets() == ["/deep"]


def test_directories_get_their_slash(door):
    for path, to in (("/docs", "/docs/"), ("/docs?x=1", "/docs/?x=1"), ("/app/docs", "/app/docs/")):
        answer = fetch(door, path, NAVIGATE)
        assert (answer.status, answer.fields["Location"]) == (308, to)
    assert fetch(door, "/app", NAVIGATE).fields["Location"] == "/app/"
    answer = fetch(door, "//docs", NAVIGATE)
    assert not (answer.fields["Location"] or "").startswith("//"), "another site, to a browser"


# --- roots ------------------------------------------------------------------------------------------------------

def test_gates_cannot_reach_the_root_by_its_path(door, site):
    """The door of this file serves what is below 0700, so the keeper must have opened it."""
    assert fetch(door, "/app.js").status == 200
    if os.geteuid() == 0:
        for pid in door.gates():
            with open(f"/proc/{pid}/status") as status:
                fields = dict(line.split(":\t", 1) for line in status)
            assert "0" not in fields["Uid"].split() and int(fields["CapEff"], 16) == 0
            assert fields["NoNewPrivs"].strip() == "1"
        assert subprocess.run(["setpriv", "--reuid=nobody", "--clear-groups", "cat", site / "app.js"],
                              capture_output=True).returncode != 0


@pytest.mark.parametrize("mode", [0o700, 0o744, 0o711, 0o000], ids=oct)
@pytest.mark.parametrize("words", [["run"], ["check"]], ids=" ".join)
def test_a_root_that_gates_cannot_read_is_refused(reeve, words, mode):
    if os.geteuid() != 0:
        mode &= 0o077
    root = reeve.folder / "dist"
    root.mkdir()
    (root / "index.html").write_bytes(INDEX)
    root.chmod(mode)
    reeve.configure(f"routes: [{{path: /*, files: {root}}}]\n")
    done = subprocess.run([BIN, *words, str(reeve.file)], capture_output=True, text=True, timeout=120, cwd=reeve.folder)
    root.chmod(0o755)
    assert done.returncode == 2, done
    assert str(root) in done.stderr and "reeve.yaml:4:" in done.stderr
    assert "nobody" in done.stderr or "reeve" in done.stderr.replace(str(reeve.folder), "")


@pytest.mark.parametrize("words", [["run"], ["check"]], ids=" ".join)
def test_a_root_that_is_none_is_refused(reeve, words):
    (reeve.folder / "file.txt").write_bytes(b"x")
    for name in ("missing", "file.txt"):
        reeve.configure(f"routes: [{{path: /*, files: ./{name}}}]\n")
        done = subprocess.run([BIN, *words, str(reeve.file)], capture_output=True, text=True, timeout=120, cwd=reeve.folder)
        assert done.returncode == 2 and name in done.stderr, done


def test_a_root_whose_content_is_replaced(reeve):
    """A new build in place of the old one is served without a restart."""
    root = reeve.folder / "dist"
    root.mkdir()
    (root / "index.html").write_bytes(b"old")
    reeve.start(f"routes: [{{path: /*, files: {root}}}]\n")
    assert reeve.get("/")[2] == b"old"
    (root / "index.html").unlink()
    (root / "new.html").write_bytes(b"new")
    assert reeve.get("/new.html")[2] == b"new"
    wait_for(lambda: reeve.get("/")[0] == 404, 1, "the old page to be gone")


def test_a_root_that_is_removed_and_made_again(reeve):
    """As `rm -rf dist && build` does it: within a moment the new folder is served, and meanwhile nothing false."""
    root = reeve.folder / "dist"
    root.mkdir()
    (root / "index.html").write_bytes(b"old")
    reeve.start(f"routes: [{{path: /*, files: {root}}}]\n")
    gates = reeve.gates()
    assert reeve.get("/")[2] == b"old"
    for build in (b"second", b"third"):
        (root / "index.html").unlink()
        root.rmdir()
        wait_for(lambda: reeve.get("/")[0] in (404, 503), 1, "the old page to be gone")
        root.mkdir()
        (root / "index.html").write_bytes(build)
        wait_for(lambda: reeve.get("/")[2] == build, 3, "the new folder to be served")
    assert reeve.gates() == gates


# --- what is reeve's own ----------------------------------------------------------------------------------------

def test_a_folder_with_the_configuration_in_it(reeve):
    """`files: .` is what a starter says: passwords, state, settings and secrets lie there too, and stay there."""
    folder = reeve.folder
    for name, text in {"index.html": "page", "usersguide": "guide", "more.yaml": "hosts: [app.example]\n", "vars": "A=b\n",
                       "secret": "hush", "sub/own.yaml": "not ours"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "link.yaml").symlink_to("more.yaml")
    for name, leads_to in {"a.txt": "users", "b.txt": "sub/../vars", "into": "state", "own.txt": "sub/own.yaml"}.items():
        (folder / name).symlink_to(leads_to)
    os.chmod(folder, 0o755)
    reeve.configure("auth: password\ninclude: [link.yaml]\nlog: {access: access.log}\n"
                    "services: {web: {command: [sleep, '1000'], listen: none, env_file: vars, env: {B: {file: secret}}}}\n"
                    "routes: [{path: /*, files: ., allow: [anyone]}]\n")
    subprocess.run([BIN, "-c", str(reeve.file), "user", "add", "ann"], input="a long password\n", text=True,
                   check=True, capture_output=True)
    reeve.start()
    os.chmod(folder / "users", 0o644)  # gates could read it, as they can where reeve is not started as root
    (reeve.state / "readable").write_text("state")
    os.chmod(reeve.state, 0o755)  # so that who is refused is not refused by the kernel
    for name in ("users", "state/readable", "state/reeve.db", "state", "more.yaml", "link.yaml", "vars", "secret", "access.log",
                 "reeve.yaml", "a.txt", "b.txt", "into", "into/readable"):
        assert (folder / name).exists(), name
        assert reeve.get(f"/{name}")[0] == 404, name
    for name in ("index.html", "usersguide", "sub/own.yaml", "own.txt"):
        assert reeve.get(f"/{name}")[0] == 200, name


def test_what_is_made_below_the_state_can_be_served(reeve):
    """Who names a folder in there means it."""
    reports = reeve.state / "reports"
    reports.mkdir(parents=True)
    (reports / "a.html").write_text("report")
    os.chmod(reeve.folder, 0o755)
    reeve.start("routes: [{path: /reports/*, files: ./state/reports}]\n")
    assert reeve.get("/reports/a.html")[2] == b"report"
