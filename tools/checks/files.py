"""What every file of the tree has to keep: tests where they belong and listed, headers that say what they are."""
import pathlib
import re

TEXT = re.compile(r"\.(c|h|py|sh|js|mjs|css|html|md|yaml|yml|json|txt|build|toml)$|(^|/)[A-Za-z.-]+$")
# The words are split so that this file does not find itself.
MACHINE = re.compile(r"(?<![\w.$}/-])(?:/wor" + r"k/|/tmp/" + r"w/|/home/(?!\$|user\b|ann\b|NAME\b)|/Users/)[\w.-]+")
OPEN_END = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b(?! \(#\d+\))")
GENERATED = re.compile(r"(^|/)(package-lock\.json|corpus/.*|recordings/.*)$")


def texts(tree):
    return [name for name in tree.files if TEXT.search(name) and not GENERATED.search(name)]


def matches(tree, names, pattern):
    for name in names:
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            if found := pattern.search(line):
                yield f"{name}:{number}", found.group()


def check_machine_paths(tree):
    for place, found in matches(tree, texts(tree), MACHINE):
        yield f"{place}: a path of one machine: {found}"
    for name in tree.files:
        if name.endswith("package-lock.json"):
            for place, found in matches(tree, [name], re.compile(r'"resolved": "(?!https://registry\.npmjs\.org/)[^"]*')):
                yield f"{place}: a download address other than the public registry: {found}"


def check_whitespace(tree):
    for place, _ in matches(tree, texts(tree), re.compile(r"[ \t]+$")):
        yield f"{place}: white space at the end of the line"
    for name in texts(tree):
        text = tree.text(name)
        if text and not text.endswith("\n"):
            yield f"{name}:1: no newline at the end"
        if name.endswith((".c", ".h")) and "\t" in text:
            yield f"{name}:1: a tab"


def check_open_ends(tree):
    for place, found in matches(tree, texts(tree), OPEN_END):
        yield f"{place}: {found} without (#issue)"


def check_headers(tree):
    for name in tree.under("src", "include", suffixes=".h"):
        text = tree.text(name)
        if not text.startswith("/*"):
            yield f"{name}:1: a header starts with what it is for"
        if not re.search(r"^#pragma once$", text, re.M):
            yield f"{name}:1: no #pragma once"


def check_tests_mirror(tree):
    """tests/unit/net/stream_test.c is for src/net/stream.c (or .h)."""
    for name in tree.under("tests/unit", suffixes=".c"):
        if not name.endswith("_test.c"):
            continue
        source = "src/" + name.removeprefix("tests/unit/").removesuffix("_test.c")
        if not any(source + suffix in tree.files for suffix in (".c", ".h")):
            yield f"{name}:1: no {source}.c or .h to test"


def check_listed(tree):
    """A file that no meson.build names is not compiled: for a test that is a silent skip."""
    for name in tree.under("src", "tests", suffixes=".c"):
        path = pathlib.PurePath(name)
        lists = [f"{folder}/meson.build" for folder in path.parents if f"{folder}/meson.build" in tree.files]
        stem = re.escape(path.stem.removesuffix("_test"))
        entry = re.compile(rf"['/]{stem}(_test)?(\.c)?'")
        if path.name != "main.c" and not any(entry.search(tree.text(one)) for one in lists):
            yield f"{name}:1: in no meson.build"


def check_fuzz_seeds(tree):
    for name in tree.under("tests/fuzz", suffixes=".c"):
        seeds = f"tests/fuzz/corpus/{pathlib.PurePath(name).stem}/"
        if not any(file.startswith(seeds) for file in tree.files):
            yield f"{name}:1: no seeds in {seeds}"
