"""Calls that have no place here, with what to use in their stead."""
import re

UNBOUNDED = "snprintf or base/buffer"
NUMBERS = "slice_to_u64 or base/text"
MEMORY = "base/memory (fatal when there is none)"
BANNED = {
    "strcpy": UNBOUNDED, "strcat": UNBOUNDED, "stpcpy": UNBOUNDED, "strncpy": UNBOUNDED, "strncat": UNBOUNDED,
    "sprintf": UNBOUNDED, "vsprintf": UNBOUNDED, "gets": UNBOUNDED, "alloca": "base/arena",
    "atoi": NUMBERS, "atol": NUMBERS, "atoll": NUMBERS, "atof": NUMBERS, "scanf": NUMBERS, "sscanf": NUMBERS,
    "fscanf": NUMBERS,
    "strtok": "slice_next", "system": "a child of the loop", "popen": "a child of the loop",
    "signal": "signalfd in src/loop, or sigaction", "rand": "getrandom", "srand": "getrandom",
    "random": "getrandom", "drand48": "getrandom",
    "tmpnam": "mkostemp", "mktemp": "mkostemp", "gmtime": "gmtime_r", "localtime": "localtime_r",
    "ctime": "base/clock", "asctime": "base/clock", "strerror_r": "strerror",
    "vfork": "the starter", "pthread_create": "no threads", "thrd_create": "no threads",
    "setjmp": "a status code", "longjmp": "a status code",
}
ONLY_IN_BASE = dict.fromkeys(("malloc", "calloc", "realloc", "strdup", "strndup", "asprintf", "vasprintf"), MEMORY)
WAITING = dict.fromkeys(("sleep", "usleep", "nanosleep", "clock_nanosleep"), "a timer of the loop")
CALL = re.compile(r"(?<![\w.>])(\w+)[ \t]*\(")


def check_banned(tree, excepted):
    for name in tree.c_files():
        banned = dict(BANNED)
        if name.startswith("src/"):
            banned |= WAITING
            if not name.startswith("src/base/"):
                banned |= ONLY_IN_BASE
        code = tree.code(name)
        for found in CALL.finditer(code):
            call = found.group(1)
            if call in banned and not excepted("call", f"{name}:{call}"):
                yield f"{name}:{code.count(chr(10), 0, found.start()) + 1}: {call}: use {banned[call]}"
