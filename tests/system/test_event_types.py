"""Event streams whose lines say what they are: names, filters, and where a reader begins."""
import json

import pytest

from eventstreams import Stream, start

NAMED = [b'{"type": "step", "n": %d}' % n if n % 3 else b'{"type": "note", "n": %d}' % n for n in range(30)]


def write_lines(writer, lines):
    writer.write(b"".join(line + b"\n" for line in lines))


def read(stream, count):
    return [stream.event()[:2] for _ in range(count)]


def named(lines):
    return [(json.loads(line)["type"], line) for line in lines]


def test_names(reeve, folder):
    """What a file cannot do: speak as reeve, or break out of its event."""
    writer = start(reeve, folder, keys=", event: type")
    forged = [b'{"type": "%s"}' % name for name in
              (b"reset", b"end", b"bye", b"auth", b"timeout", b"error", b"open", b"message", b"a\\nb", b"a b", b"")]
    others = [b'{"type": 1}', b'{"data": {"type": "inner"}}', b"type", b"", b"[]", b'{"type": "x']
    write_lines(writer, NAMED[:3] + forged + others + NAMED[3:5])
    stream = Stream(reeve)
    assert read(stream, 3) == named(NAMED[:3])
    assert read(stream, len(forged + others)) == [("message", line) for line in forged + others]
    assert read(stream, 2) == named(NAMED[3:5])
    stream.close()


def test_long_lines_have_names(reeve, folder):
    writer = start(reeve, folder, keys=", event: type")
    long = [b'{"type": "long", "text": "%s"}' % (b"x" * size) for size in (30_000, 100_000, 3_000_000)]
    long.append(b"\0" * 50_000 + b'{"type": "holes", "text": "%s"}' % (b"x" * 100_000))
    late = b'{"text": "%s", "type": "late"}' % (b"x" * 40_000)  # behind what is looked at
    live = Stream(reeve)
    write_lines(writer, [*long, late])
    after = Stream(reeve)
    for stream in (live, after):
        assert read(stream, 5) == [*named(long[:3]), ("holes", long[3].lstrip(b"\0")), ("message", late)]
        stream.close()


def test_types(reeve, folder):
    writer = start(reeve, folder, keys=", event: type, heartbeat: 200ms")
    notes = [line for line in NAMED if b"note" in line]
    write_lines(writer, [*NAMED, b"plain"])
    stream = Stream(reeve, "/events?type=note")
    assert read(stream, len(notes)) == named(notes)
    # what did not pass is told with the next heartbeat: who comes back gets none of it again
    last = stream.id
    assert stream.response.readline().startswith(b"id: ")
    stream.close()
    both = Stream(reeve, "/events?type=message,note")
    assert read(both, len(notes) + 1)[-1] == ("message", b"plain")
    end = both.id
    assert end != last
    both.close()
    write_lines(writer, NAMED[:1])
    for after in (last, end):
        again = Stream(reeve, "/events?type=note", after=after)
        assert read(again, 1) == named(NAMED[:1])
        again.close()
    unfiltered = Stream(reeve, after=last)
    assert read(unfiltered, 4) == [*named(NAMED[-2:]), ("message", b"plain"), *named(NAMED[:1])]
    unfiltered.close()


def test_types_of_long_lines(reeve, folder):
    writer = start(reeve, folder, keys=", event: type")
    lines = [b'{"type": "%s", "text": "%s"}' % (name, b"x" * size)
             for name, size in ((b"a", 200_000), (b"b", 200_000), (b"a", 10), (b"b", 10), (b"a", 70_000))]
    write_lines(writer, lines)
    for wanted in ("a", "b"):
        stream = Stream(reeve, f"/events?type={wanted}")
        chosen = [pair for pair in named(lines) if pair[0] == wanted]
        assert read(stream, len(chosen)) == chosen
        stream.close()


def test_where_to_begin(reeve, folder):
    writer = start(reeve, folder, keys=", from: end")
    writer.write(b"1\n2\n")
    stream = Stream(reeve, "/events?from=start")
    assert stream.lines(1) == [b"1"]
    first = stream.id
    assert stream.lines(1) == [b"2"]
    second = stream.id
    stream.close()
    for path, after, gets in (("/events?from=" + first, None, b"2"), (f"/events?from={first}", second, b"3"),
                              ("/events?from=end", first, b"2"), ("/events?from=end", None, b"3"),
                              ("/events", None, b"3")):
        stream = Stream(reeve, path, after=after)
        if gets == b"3":
            writer.write(b"3\n")
        assert stream.lines(1) == [gets], path
        stream.close()
        if gets == b"3":
            writer.close()
            writer.path.write_bytes(b"1\n2\n")  # cut in place: the same first line, the same bytes
    stream = Stream(reeve, "/events?from=nonsense")
    assert stream.named("reset") == {"from": "nonsense", "reason": "unknown"}
    assert stream.lines(1) == [b"1"]
    stream.close()


@pytest.mark.parametrize("query", ("type=a", "from=%zz", "from=start&from=end"))
def test_wrong_queries(reeve, folder, query):
    start(reeve, folder)
    status, fields, _ = reeve.get(f"/events?{query}")
    assert status == 400 and fields["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("types", ("", "end", "a,,b", "a b", ",".join(["n"] * 40)))
def test_wrong_types(reeve, folder, types):
    start(reeve, folder, keys=", event: type")
    assert reeve.get(f"/events?type={types.replace(' ', '+')}")[0] == 400


def test_member_that_cannot_be(reeve, folder):
    reeve.configure(f"""
routes:
  - {{path: /events, events: {{file: "{folder}/events.jsonl", event: "a b"}}}}
""")
    done = reeve.verb("check", check=False)
    assert done.returncode == 2 and "routes[0].events.event" in done.stderr
