"""Accounts, tokens and sign-ins of a reeve under test."""
import subprocess
import urllib.parse

from conftest import BIN

PASSWORD = "correct horse battery"


def add_user(reeve, name, *groups, password=PASSWORD):
    words = [word for group in groups for word in ("--group", group)]
    done = subprocess.run([BIN, "-c", str(reeve.file), "user", "add", name, *words], input=f"{password}\n",
                          capture_output=True, text=True, timeout=60, cwd=reeve.folder)
    assert done.returncode == 0, done.stderr


def make_token(reeve, name, *words):
    return reeve.verb("token", "create", name, *words).stdout.splitlines()[-1]


def sign_in(reeve, name, password=PASSWORD, next_path="/"):
    """Status and fields of the answer to the form."""
    form = urllib.parse.urlencode({"user": name, "password": password, "next": next_path})
    status, fields, _ = reeve.get("/_reeve/login", method="POST", body=form, headers={
        "Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{reeve.port}"})
    return status, fields


def cookie_of(reeve, name):
    """Signs in; NAME=VALUE as a browser sends it back."""
    status, fields = sign_in(reeve, name)
    assert status == 303, status
    return fields["Set-Cookie"].split(";")[0]
