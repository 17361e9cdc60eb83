"""Each check of `make lint` finds what it is for: one broken file, one finding."""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from checks import calls, compilers, files, functions, layers, objects  # noqa: E402
from checks.tree import Tree  # noqa: E402


def nothing_excepted(_rule, _name):
    return False


@pytest.fixture
def tree(tmp_path):
    """A function that makes a tree of the given files, {name: text}."""
    def make(contents):
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
        for name, text in contents.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return Tree(tmp_path)
    return make


ONE_FILE = [
    (layers.check_edges, "src/wire/a.c", '#include "loop/loop.h"', "wire (rank 1) includes loop (rank 1)"),
    (layers.check_edges, "src/keep/a.c", '#include "hold/hold.h"', "never include each other"),
    (layers.check_edges, "src/net/a.c", '#include "stream.h"', "does not name its folder"),
    (layers.check_edges, "src/net/a.c", '#include "reeve.h"', "public header"),
    (layers.check_edges, "src/misc/a.c", "", "without a rank"),
    (layers.check_order, "src/net/a.c", '#include "net/a.h"\n#include <errno.h>', "grouped"),
    (files.check_headers, "src/net/a.h", "#pragma once\n", "what it is for"),
    (files.check_headers, "src/net/a.h", "/* A thing. */\n", "pragma once"),
    (files.check_tests_mirror, "tests/unit/net/a_test.c", "", "no src/net/a.c"),
    (files.check_listed, "tests/unit/net/a_test.c", "", "in no meson.build"),
    (files.check_fuzz_seeds, "tests/fuzz/a.c", "", "no seeds"),
    (files.check_machine_paths, "docs/a.md", "see /wor" + "k/main", "a path of one machine"),
    (files.check_machine_paths, "x/package-lock.json", '"resolved": "https://mirror.example/a.tgz"', "public registry"),
    (files.check_whitespace, "docs/a.md", "a \n", "white space"),
    (files.check_whitespace, "docs/a.md", "a", "no newline"),
    (files.check_open_ends, "src/net/a.c", "/* TO" + "DO: later */\n", "without (#issue)"),
    (compilers.check_format, "src/net/a.c", "int  a;\n", "code should be clang-formatted"),
    (compilers.check_self_contained, "src/net/a.h", "struct a { size_t size; };\n", "error: "),
]


@pytest.mark.parametrize("check, name, text, finding", ONE_FILE)
def test_finds(tree, check, name, text, finding):
    found = list(check(tree({name: text})))
    assert found and finding in found[0], found


@pytest.mark.parametrize("check", [layers.check_edges, files.check_machine_paths, files.check_open_ends])
def test_leaves_what_is_right(tree, check):
    assert not list(check(tree({
        "src/net/a.c": '#include <errno.h>\n\n#include "base/slice.h"\n\n#include "net/a.h"\n/* network/' 'work/ */\n'})))


def test_finds_a_cycle_and_the_keeper_reaching_http(tree):
    made = tree({"src/net/a.h": '#include "net/b.h"', "src/net/b.h": '#include "net/a.h"',
                 "src/keep/k.c": '#include "net/x.h"', "src/net/x.h": '#include "net/tls.h"', "src/net/tls.h": ""})
    assert list(layers.check_cycles(made)) == ["src/net/a.h:1: include cycle: src/net/a.h > src/net/b.h > src/net/a.h"]
    assert "net/x.h > src/net/tls.h" in list(layers.check_keeper(made))[0]


@pytest.mark.parametrize("call, found", [
    ("strcpy(a, b);", True), ("sleep(1);", True), ("malloc(1);", True), ('puts("strcpy(");', False),
    ("/* strcpy( */", False), ("target->signal(1);", False), ("my_system(1);", False)])
def test_banned_calls(tree, call, found):
    made = tree({"src/net/a.c": f"void f(void)\n{{\n    {call}\n}}\n"})
    assert bool(list(calls.check_banned(made, nothing_excepted))) == found


def test_functions_are_measured(tree):
    body = "".join(f"    if (a == {n} || b)\n        a++;\n" for n in range(40))
    made = tree({"src/net/a.c": f"int net_f(int a, int b, int (*c)(int, int), char *d, ...)\n{{\n{body}}}\n"
                                "static void two(void)\n{\n    for (;;)\n        ;\n}\n"})
    first, second = functions.find_functions(made)
    assert (first.lines, first.complexity, first.parameters) == (83, 81, 4)
    assert (second.lines, second.complexity, second.parameters) == (5, 2, 0)
    assert list(functions.check_length([first, second], nothing_excepted))
    assert len(list(functions.check_complexity([first, second], nothing_excepted))) == 1


def test_objects_show_prefixes_and_globals(tree, tmp_path):
    made = tree({"src/net/a.c": "int a_good(void) { static int count; return count++; }\nint bad(void) { return 1; }\n"
                                "static const char *const names[] = {\"x\"}; const char *a_name(int i) { return names[i]; }\n"})
    subprocess.run(["gcc", "-fPIC", "-O2", "-c", "-o", tmp_path / "a.o", tmp_path / "src/net/a.c"], check=True)
    (tmp_path / "compile_commands.json").write_text('[{"file": "src/net/a.c", "output": "a.o"}]')
    assert list(objects.check_prefixes(made, tmp_path, nothing_excepted)) == ["src/net/a.c:1: bad must start with a_"]
    mutable = list(objects.check_globals(made, tmp_path, nothing_excepted))
    assert len(mutable) == 1 and "count" in mutable[0]
