"""At any byte, a snapshot is the screen: @xterm/headless says so, and tmux."""
import json
import os
import re
import subprocess
import time

import pytest
import recordings

SEED = int(os.environ.get("SEED", 1))  # the same bytes each time; SEED=... looks further

# What is not as it was for a viewer that comes at a cut (docs/terminals.md): the input up to there, and what follows.
DIFFERENCES = {
    "half of a wide character that was pushed away from the other half": ("世\b\x1b[@", "\x1b[31mx"),
    "a wide character that does not fit and a mark, without wrapping": ("\x1b[?7l\x1b[9Gab世\u0301", ""),
    "REP of more characters than the screen has": ("x\x1b[500b", ""),
    "an underline whose style was not saved with the cursor": ("\x1b[4m\x1b7\x1b[m\x1b8", "\x1b7\x1b[4:3m\x1b8x"),
}


@pytest.fixture
def check(compare, tmp_path):
    """check({name: (bytes, columns, rows, cuts)}, **more): each is compared, at its cuts."""

    def run(inputs, **more):
        jobs = []
        for number, (name, (data, columns, rows, cuts)) in enumerate(inputs.items()):
            (tmp_path / str(number)).write_bytes(data)
            jobs.append({"name": name, "columns": columns, "rows": rows, "scrollback": 200, "live": number % 2,
                         "kept": 3, "follow": 1 << 20, "input": str(tmp_path / str(number)), "cuts": cuts} | more)
        found = {result["name"]: result["found"] for result in compare(jobs)}
        return {name: one for name, one in found.items() if one}

    return run


def colourful_file(folder):
    file = folder / "colours"
    file.write_bytes(recordings.wide_text(recordings.new_random(4), 300))
    return file


def make_source(folder):
    file = folder / "source.c"
    file.write_text("".join(f"/* line {i}: naïve 世界 😀 */\nint value_{i} = {i};\tchar *text = \"{'long ' * (i % 40)}\";\n"
                            for i in range(200)))
    return file


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What the programs that people run write, and in which size."""
    folder = tmp_path_factory.mktemp("recorded")
    source, colours = make_source(folder), colourful_file(folder)
    socket = str(folder / "tmux")
    tmux = ["tmux", "-f", "/dev/null", "-S", socket, "new-session", "-x", "100", "-y", "30", "sh"]
    inputs = {
        "vim": (recordings.record(
            ["vim", "-u", "NONE", "-N", "-i", "NONE", "-c", "syntax on | set mouse=a number", str(source)],
            [b"\x06", b"\x06", b"50Gzz", b"oinserted \xe4\xb8\x96 text\x1b", b"/value_99\r", b":split\r", b"\x04", b"dd3u",
             b":set wrap!\r", b"G", b"\x02", b"v3jd", b":q!\r", b":q!\r"], 80, 24), 80, 24),
        "less": (recordings.record(["less", "-R", str(colours)],
                                   [b" ", b" ", b"b", b"/hello\r", b"n", b"n", b"G", b"g", b"\x1b[B", b"q"], 60, 20,
                                   LESSHISTFILE="-"), 60, 20),
        "htop": (recordings.record(["htop", "-d", "5"], [b"\x1bOB", b"\x1bOQ", b"\x1b", b"t", b"H", b"/x", b"\x1b", b"q"],
                                   120, 40, HOME=str(folder)), 120, 40),
        "tmux": (recordings.record(tmux, [b"echo \xe4\xb8\x96\xe7\x95\x8c\r", b"\x02%", b"ls --color /usr\r", b'\x02"',
                                          b"seq 200\r", b"\x02o", b"\x02[", b"\x1b[5~", b"q", b"\x02:kill-server\r"],
                                   100, 30), 100, 30),
        "text": (recordings.wide_text(recordings.new_random(SEED), 400), 70, 20),
    }
    subprocess.run(["tmux", "-S", socket, "kill-server"], check=False, stderr=subprocess.DEVNULL, timeout=60)
    return inputs


def test_programs(check, recorded):
    draw = recordings.new_random(SEED)
    print("seed", SEED)
    inputs = {}
    for name, (data, columns, rows) in recorded.items():
        assert len(data) > 2000, f"{name} wrote {data}"
        inputs[name] = (data, columns, rows, recordings.cut_places(data, 80, draw))
    assert sum(len(cuts) for _, _, _, cuts in inputs.values()) > 390
    assert check(inputs) == {}


def test_two_million_lines(check):
    data = recordings.record(["seq", "2000000"], [], 80, 24)
    assert data.endswith(b"\r\n2000000\r\n") and len(data) > 16000000
    draw = recordings.new_random(SEED)
    cuts = recordings.close_pairs(data, 50, draw)
    assert check({"seq": (data, 80, 24, cuts)}, follow=5000, scrollback=1000) == {}


def test_random(check):
    print("seed", SEED)
    inputs = {}
    for seed in range(SEED, SEED + 60):
        draw = recordings.new_random(seed)
        data = recordings.random_bytes(draw, draw.choice([20, 60, 200]))
        columns, rows = draw.choice([(20, 6), (40, 10), (80, 24), (11, 3), (33, 2)])
        inputs[f"seed {seed}"] = (data, columns, rows, recordings.cut_places(data, 50, draw))
    assert check(inputs, scrollback=30) == {}


def test_differences_are_there(check):
    found = check({name: ((before + after).encode(), 10, 4, [len(before.encode())])
                   for name, (before, after) in DIFFERENCES.items()})
    assert set(found) == set(DIFFERENCES)


# --- widths ---

def read_widths(screen):
    """[first code point, width] where it changes, as the cursor tells it behind a letter, which marks join."""
    codes = [code for code in range(0xa0, 0x110000) if not 0xd800 <= code < 0xe000 and code != 0xfeff]
    changes, before = [], None
    for start in range(0, len(codes), 20000):
        part = codes[start:start + 20000]
        screen.feed("".join(f"\r\x1b[ma{chr(code)}\x1b[6n" for code in part).encode())
        answers = re.findall(rb"\x1b\[1;(\d+)R", screen.ask(b"A"))
        assert len(answers) == len(part)
        for code, answer in zip(part, answers):
            if answer != before:
                changes.append([code, int(answer) - 2])
            before = answer
    return changes


def test_widths_are_those_of_viewers(oracle, new_screen):
    """Of every character but the byte order mark, which is no character to a terminal."""
    theirs = json.loads(oracle("widths.js").splitlines()[0])
    bom = theirs.index([0xfeff, 0])
    assert read_widths(new_screen(80, 24)) == theirs[:bom] + theirs[bom + 2:]


# --- tmux's opinion ---

OFF = {0: range(128), 22: (1, 2), 23: (3,), 24: (4, 21), 25: (5, 6), 27: (7,), 28: (8,), 29: (9,), 39: (38,), 49: (48,),
       59: (58,), 55: (53,)}


def change_pen(pen, parameters):
    """Select Graphic Rendition as tmux writes it."""
    values = parameters.split(";")
    while values:
        value = values.pop(0) or "0"
        number = int(value.partition(":")[0])
        for off in OFF.get(number, ()):
            pen.pop(off, None)
        if number in (38, 48, 58) and ":" not in value:
            length = 2 if values[0] == "5" else 4
            value, values = ";".join([value, *values[:length]]), values[length:]
        for colour, first, bright in (38, 30, 90), (48, 40, 100):
            if first <= number < first + 8 or bright <= number < bright + 8:
                number = colour
        if number not in OFF:
            pen[number] = value


def cells(text):
    """Each character with its attributes, whatever the order they were written in."""
    pen, found = {}, []
    for parameters, character in re.findall(r"\x1b\[([\d;:]*)m|(.)", text, re.S):
        if not character:
            change_pen(pen, parameters)
        else:
            found.append((character, {} if character == "\n" else dict(pen)))
    return found


def capture(folder, name, data, columns, rows):
    """What tmux shows, with attributes, of a terminal that got `data`."""
    file, socket = folder / f"{name}.bytes", str(folder / f"{name}.socket")
    file.write_bytes(data)
    tmux = ["tmux", "-f", "/dev/null", "-S", socket]
    environment = os.environ | {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    shown = f"stty raw -echo; cat {file}; tmux -S {socket} wait-for -S shown; cat"
    subprocess.run([*tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), shown, ";", "set", "status", "off"],
                   check=True, env=environment, timeout=60)
    try:
        subprocess.run([*tmux, "wait-for", "shown"], check=True, timeout=60)
        deadline, before = time.monotonic() + 120, None
        while time.monotonic() < deadline:
            text = subprocess.run([*tmux, "capture-pane", "-e", "-p"], check=True, stdout=subprocess.PIPE,
                                  timeout=60).stdout.decode()
            if text == before:
                return text
            before = text
            time.sleep(0.1)
        raise AssertionError("tmux goes on writing")
    finally:
        subprocess.run([*tmux, "kill-server"], check=True, timeout=60)


def test_tmux_agrees(new_screen, recorded, tmp_path):
    common = [one for one in recordings.ATTRIBUTES if ":" not in one]
    plain = recordings.wide_text(recordings.new_random(SEED), 50, recordings.PLAIN, common)
    for name, part in [("vim", 0.5), ("vim", 0.8), ("tmux", 0.7), ("htop", 0.5), ("plain", 0.7)]:
        data, columns, rows = (recorded | {"plain": (plain, 60, 20)})[name]
        data = data[:int(len(data) * part)]
        screen = new_screen(columns, rows)
        screen.feed(data)
        direct = capture(tmp_path, f"{name}-{part}-direct", data, columns, rows)
        again = capture(tmp_path, f"{name}-{part}-again", screen.snapshot(), columns, rows)
        assert cells(again) == cells(direct), name
