"""What the compiled objects show: names that leave a file carry its name, and nothing there is mutable."""
import json
import pathlib
import re
import subprocess

SYMBOL = re.compile(r"^[0-9a-f]+ (.)(.{6}) (\S+)\t[0-9a-f]+ (?:\.\w+ )?(.+)$")
MUTABLE = re.compile(r"(\.data(?!\.rel\.ro)|\.bss|\.tbss|\.tdata|\*COM\*)")


def objects(tree, build):
    """(source, object) of every file of src/."""
    for command in json.loads((build / "compile_commands.json").read_text()):
        source = (build / command["file"]).resolve()
        if source.is_relative_to(tree.root / "src"):
            yield source.relative_to(tree.root), build / command["output"]


def symbols(path):
    """(is global, section, name) of every function and variable."""
    listing = subprocess.run(["objdump", "-t", path], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        found = SYMBOL.match(line)
        if found and found.group(2)[-1] in "FO":
            yield found.group(1) in "gu!", found.group(3), found.group(4)


def check_prefixes(tree, build, excepted):
    for source, path in objects(tree, build):
        prefix = rf"({re.escape(source.parts[1])}_)?{re.escape(source.stem)}"
        if source.parts[1] == "reeve":
            prefix += "|reeve"
        own = re.compile(rf"({prefix})(_|$)")
        for is_global, _, name in symbols(path):
            if is_global and name != "main" and not own.match(name) and not excepted("prefix", f"{source}:{name}"):
                yield f"{source}:1: {name} must start with {source.stem}_"


def check_globals(tree, build, excepted):
    for source, path in objects(tree, build):
        if source.parts[1] == "reeve":
            continue
        for _, section, name in symbols(path):
            if MUTABLE.match(section) and not excepted("global", f"{source}:{name}"):
                yield f"{source}:1: {name} is a mutable global"
