"""Who may include whom: a folder of src/ includes only folders of a lower rank, and no header includes itself."""
import re

RANKS = {"base": 0, "wire": 1, "loop": 1, "config": 1, "store": 1, "screen": 1, "net": 2, "tail": 2, "link": 2, "http": 3,
         "admit": 3, "hold": 3, "route": 4, "keep": 4, "gate": 5, "reeve": 6}
STRANGERS = {"hold", "keep", "gate"}  # the three roles speak by messages only
KEEPER_NEVER = re.compile(r"http/|net/tls")  # the keeper reads nothing that comes from the network
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.M)


def includes(tree, name):
    """(line, quoted file or None) of each include."""
    text = tree.text(name)
    return [(text.count("\n", 0, found.start()) + 1, found.group(1)) for found in INCLUDE.finditer(text)]


def folder_of(name):
    return name.split("/")[1]


def check_edges(tree):
    for name in tree.under("src"):
        own = folder_of(name)
        if own not in RANKS:
            yield f"{name}:1: folder without a rank (tools/checks/layers.py)"
            continue
        for line, target in includes(tree, name):
            other = target.split("/")[0] if target else None
            if target is None or other == own:
                continue
            if target == "reeve.h":
                if own != "reeve":
                    yield f"{name}:{line}: the public header is for src/reeve"
            elif other not in RANKS:
                yield f'{name}:{line}: "{target}" does not name its folder'
            elif RANKS[other] >= RANKS[own]:
                yield f"{name}:{line}: {own} (rank {RANKS[own]}) includes {other} (rank {RANKS[other]})"
            elif {own, other} <= STRANGERS:
                yield f"{name}:{line}: {own} and {other} never include each other"


def check_order(tree):
    """System headers, then lower layers, then the own folder."""
    for name in tree.under("src"):
        own = folder_of(name)
        groups = [(0 if target is None else 2 if target.startswith(own + "/") else 1, line)
                  for line, target in includes(tree, name)]
        for (before, _), (after, line) in zip(groups, groups[1:]):
            if after < before:
                yield f"{name}:{line}: includes are grouped: system, lower layers, own folder"


def headers_reached(tree, name, path=()):
    """Depth first over quoted headers of src/, with the way to each; a cycle ends the way with its start."""
    for _, target in includes(tree, name):
        target = target and "src/" + target
        if target and (tree.root / target).is_file():
            yield (*path, name, target)
            if target not in (*path, name):
                yield from headers_reached(tree, target, (*path, name))


def check_cycles(tree):
    seen = set()
    for name in tree.under("src", suffixes=".h"):
        for way in headers_reached(tree, name):
            if way[-1] == name and frozenset(way) not in seen:
                seen.add(frozenset(way))
                yield f"{name}:1: include cycle: {' > '.join(way)}"


def check_keeper(tree):
    """Not even through another header."""
    seen = set()
    for name in tree.under("src/keep"):
        for way in headers_reached(tree, name):
            if KEEPER_NEVER.match(way[-1].removeprefix("src/")) and (name, way[-1]) not in seen:
                seen.add((name, way[-1]))
                yield f"{name}:1: the keeper must not include {' > '.join(way[1:])}"
