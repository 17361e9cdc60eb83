"""Who has an account: the commands user and token with and without a running reeve, and what a sign-in leaves behind."""
import concurrent.futures
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import pty
import stat
import subprocess
import time
import urllib.parse

import pytest

import kernel
from conftest import BIN, SLACK, wait_for

PASSWORD = "correct horse battery"
ROUTES = "routes: [{path: /*, files: files}]\n"
SPAN = {"session": "{lifetime: 1h, idle_timeout: 30m}"}


def user(reeve, *words, password=PASSWORD, check=True):
    done = subprocess.run([BIN, "-c", str(reeve.file), "user", *words], input=f"{password}\n", capture_output=True,
                          text=True, timeout=60, cwd=reeve.folder)
    assert not check or done.returncode == 0, done.stderr
    return done


def token(reeve, name, *words):
    done = reeve.verb("token", "create", name, *words)
    return done.stdout.splitlines()[-1]


def with_password(reeve, more=""):
    """A configuration that asks for passwords, a page behind it, and ann, who has one."""
    (reeve.folder / "files").mkdir()
    (reeve.folder / "files/index.html").write_text("page")
    reeve.configure(f"auth: {{method: password, session: {SPAN['session']}}}\n" + more + ROUTES, workers=2)
    user(reeve, "add", "ann", "--group", "ops")
    return reeve


def sign_in(reeve, name="ann", password=PASSWORD):
    """Status, and the cookie as a browser sends it back ('' without one)."""
    form = urllib.parse.urlencode({"user": name, "password": password, "next": "/"})
    status, fields, _ = reeve.get("/_reeve/login", method="POST", body=form, headers={
        "Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{reeve.port}"})
    return status, (fields.get("Set-Cookie") or "").split(";")[0]


def page(reeve, **headers):
    return reeve.get("/", headers=headers)[0]


# --- user ---


def test_users_without_a_reeve(reeve):
    reeve.configure("auth: password\n" + ROUTES)
    (reeve.folder / "files").mkdir()
    for verb in ("check", "run"):
        done = reeve.verb(verb, str(reeve.file), check=False)
        assert done.returncode == 2 and "`reeve user add NAME` makes it" in done.stderr
        assert done.stderr.startswith(f"reeve: {reeve.file}:4:7: auth.users: {reeve.folder}/users is not there")
    assert json.loads(reeve.verb("user", "list", "--json").stdout) == []
    assert "ann was added" in user(reeve, "add", "ann", "--group", "ops", "--group", "mentors").stdout
    file = reeve.folder / "users"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.stat().st_uid == os.getuid()
    file.write_text("# staff\n\n" + file.read_text())
    first = file.read_text().splitlines()[2].split(":")
    assert first[0] == "ann" and first[1].startswith("$y$") and first[2] == "ops,mentors"
    assert "ann was changed" in user(reeve, "add", "ann", password="another horse").stdout
    second = file.read_text().splitlines()
    assert second[:2] == ["# staff", ""] and second[2].split(":")[1] != first[1]
    assert second[2].endswith(":ops,mentors")  # they stay
    assert user(reeve, "add", "bob").returncode == 0
    assert reeve.verb("user", "list").stdout == "ann  ops,mentors\nbob\n"
    assert reeve.verb("check", str(reeve.file)).returncode == 0
    assert json.loads(reeve.verb("user", "remove", "bob", "--json").stdout)["outcome"] == "removed"
    assert reeve.verb("user", "remove", "bob", check=False).returncode == 6
    assert PASSWORD not in file.read_text()


@pytest.mark.parametrize("words, password, code, text", [
    (("add", "ann"), "short", 2, "a password has at least 8 characters; this one has 5"),
    (("add", "ann"), "x" * 501, 2, "a password has at most 500 bytes"),
    (("add", "ann"), "", 2, "a password has at least 8 characters"),
    (("add", "-x"), PASSWORD, 2, "knows no option"),
    (("add", "a/b"), PASSWORD, 2, "a user's name is"),
    (("add", "ann", "--group", "a,b"), PASSWORD, 2, "a group's name is"),
    (("add",), PASSWORD, 2, "usage: reeve user add NAME"),
    (("list", "ann"), PASSWORD, 2, "usage: reeve user add NAME"),
    (("ad", "ann"), PASSWORD, 2, "usage: reeve user add NAME"),
], ids=str)
def test_what_is_refused(reeve, words, password, code, text):
    reeve.configure("auth: password\n")
    done = user(reeve, *words, password=password, check=False)
    assert done.returncode == code and text in done.stderr
    assert not (reeve.folder / "users").exists()


def test_a_file_that_does_not_parse(reeve):
    reeve.configure("auth: password\n")
    file = reeve.folder / "users"
    file.write_text("# x\nann:geheim\n")
    for words in (("check", str(reeve.file)), ("user", "list"), ("user", "remove", "ann")):
        done = reeve.verb(*words, check=False)
        assert done.returncode in (1, 2) and f"{file}:2: the password of \"ann\" is no yescrypt hash" in done.stderr
        assert "geheim" not in done.stderr
    assert user(reeve, "add", "bob", check=False).returncode == 1
    assert file.read_text() == "# x\nann:geheim\n"


def test_many_add_at_once(reeve):
    reeve.configure("auth: password\n")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in pool.map(lambda i: user(reeve, "add", f"u{i}"), range(16)):
            assert done.returncode == 0
    names = [row["name"] for row in json.loads(reeve.verb("user", "list", "--json").stdout)]
    assert sorted(names) == sorted(f"u{i}" for i in range(16))
    assert sorted(path.name for path in reeve.folder.iterdir()) == ["reeve.yaml", "users"]


def typed(reeve, *lines):
    """`reeve user add ann` on a terminal where somebody types the lines; what the terminal showed, and the status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(BIN, [BIN, "-c", str(reeve.file), "user", "add", "ann"])
    shown = b""
    for line in lines:
        while not shown.rstrip(b"\r\n").endswith(b": "):
            shown += os.read(terminal, 1024)
        os.write(terminal, line)
        shown += b"|"
    while True:
        try:
            chunk = os.read(terminal, 1024)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_password_is_typed_twice_and_not_shown(reeve):
    reeve.configure("auth: password\n")
    shown, status = typed(reeve, b"correct horse\n", b"correct horsf\n")
    assert status == 2 and "the two passwords differ: nothing was changed" in shown and "horse" not in shown
    shown, status = typed(reeve, b"corr\x03")
    assert status == 2 and "broken off" in shown
    assert not (reeve.folder / "users").exists()
    shown, status = typed(reeve, b"correct horse\n", b"correct horse\n")
    assert status == 0 and "ann was added" in shown and "horse" not in shown


# --- token ---


def test_tokens_without_a_reeve(reeve):
    reeve.configure("")
    secret = token(reeve, "ci", "--expires", "30d")
    assert secret.startswith("reeve_") and len(secret) == 6 + 43
    assert reeve.verb("token", "create", "ci", check=False).returncode == 1
    assert reeve.verb("token", "create", "c i", check=False).returncode == 2
    assert reeve.verb("token", "create", "x", "--expires", "30", check=False).returncode == 2
    assert reeve.verb("token", "revoke", "nobody", check=False).returncode == 6
    row, = json.loads(reeve.verb("token", "list", "--json").stdout)
    assert row["name"] == "ci" and secret not in json.dumps(row) and row["expires"]
    for path in reeve.state.rglob("*"):
        if path.is_file():
            assert secret[6:].encode() not in path.read_bytes(), path
            assert path.name != "reeve.db" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert reeve.verb("token", "revoke", "ci").returncode == 0
    assert json.loads(reeve.verb("token", "list", "--json").stdout) == []
    events = [event for _, event, _ in reeve.journal()]
    assert events.count("token-created") == 1 and events.count("token-revoked") == 1


def test_tokens_of_a_running_reeve(reeve):
    """Made before it starts and while it runs; gone at once when revoked, and when their time is over."""
    with_password(reeve)
    before = token(reeve, "before")
    reeve.start()
    now, short = token(reeve, "now"), token(reeve, "short", "--expires", "10s")
    assert page(reeve) in (303, 401)
    for secret in (short, now, before):
        assert page(reeve, Authorization=f"Bearer {secret}") == 200
    assert [row["name"] for row in json.loads(reeve.verb("token", "list", "--json").stdout)] == ["before", "now", "short"]
    reeve.verb("token", "revoke", "now")
    wait_for(lambda: page(reeve, Authorization=f"Bearer {now}") != 200, 1, "the revoked token to count no more")
    wait_for(lambda: page(reeve, Authorization=f"Bearer {short}") != 200, 20, "the token to expire")
    wait_for(lambda: len(json.loads(reeve.verb("token", "list", "--json").stdout)) == 1, 3, "it to be forgotten")
    assert page(reeve, Authorization=f"Bearer {before}") == 200
    reeve.stop()
    assert [event for _, event, _ in reeve.journal()].count("token-created") == 3


# --- signing in ---


def test_a_sign_in_outlives_reeve_and_ends_with_its_user(reeve):
    with_password(reeve)
    reeve.start()
    assert sign_in(reeve, password="wrong password") [1] == ""
    status, cookie = sign_in(reeve)
    assert status == 303 and cookie.startswith(f"reeve-{reeve.name}=")
    assert page(reeve) != 200 and page(reeve, Cookie=cookie) == 200
    reeve.stop()
    reeve.start()
    assert page(reeve, Cookie=cookie) == 200
    user(reeve, "add", "bob")
    _, of_bob = sign_in_soon(reeve, "bob")
    assert page(reeve, Cookie=of_bob) == 200
    user(reeve, "add", "ann", password="another horse")
    wait_for(lambda: page(reeve, Cookie=cookie) != 200, 2, "the session of the old password to end")
    reeve.verb("user", "remove", "bob")
    wait_for(lambda: page(reeve, Cookie=of_bob) != 200, 2, "the session of the removed user to end")
    assert sign_in(reeve)[1] == ""
    _, cookie = sign_in_soon(reeve, "ann", "another horse")
    assert page(reeve, Cookie=cookie) == 200
    reeve.stop()
    with_changed_users = (reeve.folder / "users").read_text().replace(":ops", ":")
    (reeve.folder / "users").write_text(with_changed_users)  # while nobody looks
    reeve.start()
    assert page(reeve, Cookie=cookie) != 200
    reeve.stop()
    ended = [evidence["why"] for _, event, evidence in reeve.journal() if event == "signed-out"]
    assert ended == ["password or groups of the user have changed", "the user was removed",
                     "password or groups of the user have changed"]


def sign_in_soon(reeve, name, password=PASSWORD):
    """A helper reads the file as it is; the keeper knows of it within a second."""
    return wait_for(lambda: (answer := sign_in(reeve, name, password))[1] and answer, 3, f"{name} to get in")


def test_a_rebuilt_database_knows_nobody(reeve):
    with_password(reeve)
    secret = token(reeve, "ci")
    reeve.start()
    _, cookie = sign_in(reeve)
    assert page(reeve, Cookie=cookie) == 200
    reeve.stop()
    for path in reeve.state.glob("reeve.db*"):
        path.unlink()
    (reeve.state / "reeve.db").write_text("no database at all " * 1000)
    reeve.start()
    assert page(reeve, Cookie=cookie) != 200 and page(reeve, Authorization=f"Bearer {secret}") != 200
    assert page(reeve, Cookie=sign_in(reeve)[1]) == 200


def test_too_many_failures_have_to_wait(reeve):
    with_password(reeve)
    reeve.start()
    form = urllib.parse.urlencode({"user": "ann", "password": PASSWORD})
    for _ in range(5):  # on a machine that stands still in between, the wait of a second is over
        for _ in range(5):
            assert sign_in(reeve, password="wrong password")[0] == 401
        status, fields, _ = reeve.get("/_reeve/login", method="POST", body=form, headers={
            "Content-Type": "application/x-www-form-urlencoded"})
        if status == 429:
            break
    assert status == 429 and int(fields["Retry-After"]) >= 1
    wait_for(lambda: sign_in(reeve)[1], 30, "ann to get in again")


class Helpers:
    """What password helpers have cost: the processor's time of the keeper's children that have gone."""

    def __init__(self, reeve):
        self.keeper = reeve.status()["keeper"]["pid"]
        self.others = self.children()

    def children(self):
        return set(pathlib.Path(f"/proc/{self.keeper}/task/{self.keeper}/children").read_text().split())

    def spent(self):
        wait_for(lambda: self.children() == self.others, 20, "the last helper to be gone")
        return sum(map(int, kernel.stat(self.keeper)[13:15])) / os.sysconf("SC_CLK_TCK")


def test_the_same_time_for_somebody_and_nobody(reeve):
    """A name that nobody has and that costs no hash would be answered sooner by one hash. It is the processor's time
    that is compared: how long an answer takes hangs on what else the machine does."""
    with_password(reeve)
    for name in ("bob", "eve", "kim", "joe"):
        user(reeve, "add", name)
    reeve.start()
    helpers = Helpers(reeve)
    library = ctypes.CDLL("libcrypt.so.1")
    setting = (reeve.folder / "users").read_text().split("bob:")[1].split(":")[0].encode()

    def cost(clock, work, *words):
        before = clock()
        for _ in range(4):  # as often may each name fail without a wait
            work(*words)
        return clock() - before

    def fail(name):
        """From another address in each round: so many failures of one would have to wait."""
        form = urllib.parse.urlencode({"user": name, "password": "wrong password", "next": "/"})
        source = (f"127.0.0.{2 + len(rounds)}", 0)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", reeve.port, 120, source)) as connection:
            connection.request("POST", "/_reeve/login", form, {
                "Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{reeve.port}"})
            assert connection.getresponse().status == 401

    rounds = []
    for names in (("ann", "nobody"), ("bob", "noone"), ("eve", "noman"), ("kim", "nemo"), ("joe", "niemand")):
        rounds.append((cost(helpers.spent, fail, names[0]), cost(helpers.spent, fail, names[1]),
                       cost(time.process_time, library.crypt, b"wrong password", setting)))
        known, unknown, hashes = map(sum, zip(*rounds))
        if abs(known - unknown) < 0.6 * hashes:  # the more of them, the less counts what one costs by chance
            return
    pytest.fail(f"the times tell who has an account: {rounds}")


def secrets_seen(reeve, secrets):
    """Every place where one of them stands: files of the state, output, words and environments of processes."""
    files = [path for path in (*reeve.state.rglob("*"), *reeve.folder.glob("*")) if path.is_file()]
    files += [pathlib.Path(f"/proc/{pid}/{name}") for pid in kernel.pids() for name in ("cmdline", "environ")]
    places = []
    for path in files:
        with contextlib.suppress(OSError):  # it has gone meanwhile, or is somebody else's
            places.append((str(path), path.read_bytes()))
    return {(place, secret) for place, text in places for secret in secrets if secret.encode() in text}


def test_no_secret_is_left_anywhere(reeve):
    with_password(reeve, "log: {level: debug, access: stdout}\n")
    reeve.start()
    wrong = "wrong pass-phrase"
    for _ in range(3):
        assert sign_in(reeve, password=wrong)[0] == 401
    assert sign_in(reeve, name=wrong)[0] == 401  # typed into the wrong field
    status, cookie = sign_in(reeve)
    secret = token(reeve, "ci")
    assert page(reeve, Cookie=cookie) == 200 and page(reeve, Authorization=f"Bearer {secret}") == 200
    secrets = [PASSWORD, wrong, urllib.parse.quote_plus(wrong), secret[6:], cookie.split("=", 1)[1].split(".")[-1]]
    assert secrets_seen(reeve, secrets) == set()
    shown = reeve.verb("config").stdout + reeve.verb("status", "--json").stdout + reeve.verb("token", "list").stdout
    reeve.stop()
    assert secrets_seen(reeve, secrets) == set() and not any(each in shown for each in secrets)
    journal = reeve.journal()
    assert not any(each in json.dumps(journal) for each in secrets)
    let_in, = [evidence for _, event, evidence in journal if event == "signed-in"]
    assert let_in["user"] == "ann" and let_in["address"] == "127.0.0.1" and let_in["session"]
    failed = [evidence for _, event, evidence in journal if event == "sign-in-failed"]
    assert failed and failed[0]["user"] == "ann" and failed[0]["address"] == "127.0.0.1"


def test_clear_text_beyond_this_machine_is_refused(reeve):
    listen = f'listen: [{{address: "0.0.0.0:{reeve.port}"}}]\n'
    reeve.configure(listen + "auth: password\n")
    user_file = reeve.folder / "users"
    user_file.write_text("")
    done = reeve.verb("check", str(reeve.file), check=False)
    assert done.returncode == 2 and f"{reeve.file}:3:11: listen[0].address: with auth.method: password" in done.stderr
    assert "insecure: true" in done.stderr
    reeve.configure(listen.replace("}]", ", insecure: true}]") + "auth: password\n")
    assert reeve.verb("check", str(reeve.file)).returncode == 0
