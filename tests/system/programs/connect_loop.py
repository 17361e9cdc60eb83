"""Connects again and again until its standard input ends, one GET per connection, the paths in turn.

Arguments: port, file of results, paths. A line of JSON per connection: path, when it began (just before connect(2))
and ended (CLOCK_MONOTONIC), and what was wrong with its answer (null: it was complete)."""
import itertools
import json
import select
import socket
import sys
import time

PATIENCE = 20
port, results, paths = int(sys.argv[1]), open(sys.argv[2], "w", buffering=1), itertools.cycle(sys.argv[3:])


def visit(path):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    length = next((field.split(":")[1] for field in fields if field.lower().startswith("content-length:")), None)
    if not first.startswith("HTTP/1.1 200 ") or length is None or len(body) != int(length):
        return f"{first!r} with {len(body)} of {length} bytes: {body[:300]!r}"
    return None


while not select.select([sys.stdin], [], [], 0.002)[0]:
    path, began = next(paths), time.monotonic()
    try:
        wrong = visit(path)
    except OSError as error:
        wrong = repr(error)
    results.write(json.dumps({"path": path, "began": began, "ended": time.monotonic(), "wrong": wrong}) + "\n")
