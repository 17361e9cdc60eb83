"""The lamps in a terminal: keys 1 to 8 put one out, the loop lights it again, q leaves (and reeve starts it anew).

However many people look, it is one program with one screen."""
import os
import pathlib
import select
import sys
import termios
import tty

HOME, CLEAR_REST, CLEAR_LINE = "\033[H", "\033[J", "\033[K"
BURNS, DARK, BOLD, PLAIN = "\033[1;33m●", "\033[2m○", "\033[1m", "\033[0m"


def draw(lamps, names, message):
    burning = set(os.listdir(lamps)) if lamps.exists() else set()
    lines = [f"{BOLD}The house{PLAIN}  {len(burning)} of {len(names)} lamps burn", ""]
    lines += [f"  {number}  {BURNS if name in burning else DARK} {name}{PLAIN}" for number, name in enumerate(names, 1)]
    lines += ["", message, "", f"1 to {len(names)} puts a lamp out, q leaves"]
    sys.stdout.write(HOME + "".join(f"{line}{CLEAR_LINE}\r\n" for line in lines) + CLEAR_REST)
    sys.stdout.flush()


def main():
    folder = pathlib.Path(sys.argv[1])
    names, lamps, message = folder.joinpath("wanted").read_text().split(), folder / "lamps", ""
    before = termios.tcgetattr(0)
    sys.stdout.write("\033]0;the house\007\033[?1049h\033[?25l")
    try:
        tty.setraw(0)
        while True:
            draw(lamps, names, message)
            key = os.read(0, 1).decode(errors="replace") if select.select([0], [], [], 0.5)[0] else ""
            if key in ("q", "\x03"):
                return
            if key.isdigit() and 0 < int(key) <= len(names):
                (lamps / names[int(key) - 1]).unlink(missing_ok=True)
                message = f"put out {names[int(key) - 1]}; the loop will see it"
    finally:
        sys.stdout.write("\033[?25h\033[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(0, termios.TCSADRAIN, before)


main()
