"""Bytes to feed a terminal with: what real programs write under a pty, what a seed makes up, and where to cut them."""
import fcntl
import os
import pty
import random
import re
import select
import struct
import termios
import time

QUIET = 0.12  # a program that wrote nothing for so long gets its next key,
GONE = 5  # and is left alone behind the last one;
ENDS = 20  # one that gets none ends by itself
DRAWN = 1000, 10  # the first one when it has drawn its screen: so many bytes, or after so many seconds
SEQUENCE = re.compile(rb"\x1b[\[P\]][ -?]*[@-~]|\x1b[ -/]*[0-~]|[\xc2-\xf4][\x80-\xbf]+", re.S)


def record(command, keys, columns, rows, **environment):
    """Runs a program in a terminal of that size, presses one key after the other, and returns what it wrote."""
    child, master = pty.fork()
    if child == 0:
        os.environ.update({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "LINES": "", "COLUMNS": ""} | environment)
        for name in ("LINES", "COLUMNS", "TMUX"):
            os.environ.pop(name, None)
        os.execvp(command[0], command)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    last = GONE if keys else ENDS
    output, keys, deadline = bytearray(), list(keys), time.monotonic() + 120
    patience = time.monotonic() + DRAWN[1]
    while time.monotonic() < deadline:
        readable, _, _ = select.select([master], [], [], 20 if not output else QUIET if keys else last)
        if readable:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            output += data
        elif keys and len(output) < DRAWN[0] and time.monotonic() < patience:
            continue
        elif keys:
            os.write(master, keys.pop(0))
        else:
            break
    os.close(master)
    os.waitpid(child, 0)
    return bytes(output)


def close_pairs(data, count, draw):
    """Twice as many offsets, two and two close together."""
    firsts = cut_places(data, count, draw)
    return sorted({min(place + more, len(data)) for place in firsts for more in (0, draw.randrange(1, 5000))})


def cut_places(data, count, draw):
    """Offsets, half of them within an escape sequence or a character of UTF-8 (if there are any)."""
    pieces = list(SEQUENCE.finditer(data))
    within = [place for piece in draw.sample(pieces, min(len(pieces), 4 * count))
              for place in range(piece.start() + 1, piece.end())]
    places = draw.sample(within, min(len(within), count // 2))
    places += draw.choices(range(1, len(data)), k=count - len(places))
    return sorted(set(places))


# --- from a seed ---

CHARACTERS = ["a", "Z", " ", "~", "é", "世", "界", "😀", "e\u0301", "\u0301", "\u200d", "👩\u200d🚀", "ｱ", "─", "\ufe0f",
              "क्", "\U0001f1e9\U0001f1ea", "👍🏽", "ﷺ"]
NUMBERS = ["", "0", "1", "2", "3", "5", "9", "17", "300"]
ONCE = ["\x1b7", "\x1b8\x1b[24m", "\x1bD", "\x1bE", "\x1bM", "\x1bH", "\x1b=", "\x1b>", "\x1b(0", "\x1b(B", "\x1b)0", "\x1b(4", "\x1b*A",
        "\x1b+4", "\x1bn", "\x1bo", "\x1b~", "\x1b[?6l\x1b#8", "\x1b%G", "\x1b[4l", "\x1b[20h", "\x1b[20l",
        "\x1b[!p", "\x1b[3g", "\x1b[g", "\x1b[s", "\x1b[u\x1b[24m", "\x1b[2 q", "\x1b[5 q", "\x1b[0 q", '\x1b[1"q', '\x1b[0"q',
        "\x1b[?K", "\x1b[?2K", "\x1b[2 @", "\x1b[1 A", "\r\x1b[2'}", "\x1b[1'~", "\x1bc", "\x1b]2;tïtle\x07",
        "\x1b]0;x\x1b\\", "\x1bP$qm\x1b\\", "\x1b_apc\x1b\\", "\x1b]8888;zz\x18", "\x1b[c", "\x1b[6n", "\x1b[?25$p",
        "\x1b[1;2\nm", "\u009b31m", "\u0085", "\x1b[99999999999m", "\x1b[?5", "\x1b[" + "1;" * 40 + "m", "\ufeff"]
ATTRIBUTES = ["", "0", "1", "2", "3", "4", "5", "7", "8", "9", "21", "22", "23", "24", "27", "39", "49", "53", "55", "59",
              "4:3", "4:5", "4:0", "31;42", "97;100", "38;5;200", "48;5;17", "58;5;99", "38;2;1;2;3", "48:2::9:8:7",
              "38:2:3:2:1", "58:2::7:7:7"]
PRIVATE = [1, 6, 12, 25, 45, 66, 9, 1000, 1002, 1003, 1004, 1006, 1016, 47, 1047, 1048, 1049, 2004, 2026, 2]


def random_piece(draw):
    """24 follows what restores a cursor: xterm.js saves whether there is an underline, but not which. DECALN comes
    without the origin mode, in which it fills other rows of the alternate screen than it means to."""
    number = lambda: draw.choice(NUMBERS)
    kind = draw.random()
    if kind < 0.32:
        return "".join(draw.choices(CHARACTERS, k=draw.randrange(1, 30)))
    if kind < 0.45:
        return draw.choice(["\r\n", "\n", "\r", "\b", "\t", "\x0e", "\x0f", "\x0b", "\x7f", "\0"])
    if kind < 0.6:
        return f"\x1b[{draw.choice(ATTRIBUTES)}m"
    if kind < 0.75:
        return f"\x1b[{number()};{number()}{draw.choice('ABCDEFGHfd`aeIZ')}"
    if kind < 0.83:
        return f"\x1b[{number()}{draw.choice('KLMPSTX')}"
    if kind < 0.85:  # xterm.js 6 throws an error for "erase above" at the end of its last line
        return f"\x1b[99D\x1b[{draw.choice('0123')}J"
    if kind < 0.86:  # inserted at the left: halves of wide characters are a difference that is known
        return draw.choice([f"\r\x1b[{number()}@", "\x1b[4h\r" + "".join(draw.choices(CHARACTERS, k=9)) + "\x1b[4l"])
    if kind < 0.87:
        return f"x\x1b[{draw.randrange(20)}b"
    if kind < 0.9:
        return f"\x1b[?{draw.choice(PRIVATE)}{draw.choice('hl')}\x1b[24m"
    if kind < 0.91:
        return "\x1b[?7l\r" + "".join(chr(draw.randrange(32, 127)) for _ in range(draw.randrange(90))) + "\x1b[?7h"
    if kind < 0.93:
        return f"\x1b[{number()};{number()}r"
    return draw.choice(ONCE)


def random_bytes(draw, pieces):
    return b"".join(random_piece(draw).encode() if draw.random() < 0.98 else
                    bytes([draw.choice([0xff, 0xc3, 0xe4, 0x80, 0xf0])]) for _ in range(pieces))


PLAIN = ["hello", "世界", "こんにちは", "안녕", "😀😃", "café", "naïve", "Ωμέγα", "日本語テキスト", "ｆｕｌｌ", "─│┌┐"]
JOINED = ["👩\u200d👩\u200d👧", "🇩🇪", "नमस्ते", "e\u0301\u0327"]  # of which terminals think differently


def wide_text(draw, lines, words=(*PLAIN, *JOINED), attributes=ATTRIBUTES):
    """Lines in several scripts, coloured, most longer than the terminal is wide."""
    return "".join(f"\x1b[{draw.choice(attributes)}m" + " ".join(draw.choices(words, k=draw.randrange(1, 25))) + "\r\n"
                   for _ in range(lines)).encode()


def new_random(seed):
    return random.Random(seed)
