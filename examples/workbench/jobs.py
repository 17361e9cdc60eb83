"""Asks reeve for jobs, over its HTTP API on the console's listener. Each function returns a status and an object."""
import json
import os
import pathlib
import urllib.error
import urllib.request

API = os.environ["REEVE_API"]
TOKEN = pathlib.Path(os.environ["TOKEN_FILE"])


def ask(method, path, body=None):
    fields = {"Content-Type": "application/json"}
    if TOKEN.exists():
        fields["Authorization"] = f"Bearer {TOKEN.read_text().strip()}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{API}/{path}", data, fields, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")
    except OSError as error:
        return 503, {"detail": f"reeve's API does not answer: {error}"}


def listed():
    status, body = ask("GET", "targets")
    if status == 200:
        body = [target for target in body["targets"] if target["name"].startswith("job/")]
    return status, body


def started(given):
    steps, fails = int(given.get("steps", 12)), "yes" if given.get("fails") else "no"
    return ask("POST", "instances/job", {"parameters": {"steps": str(steps), "fails": fails}})


def stopped(name):
    return ask("POST", f"instances/job/{name}/stop")
