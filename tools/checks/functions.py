"""Size and shape of functions and files; ctags knows where a function starts and ends."""
import json
import re
import statistics
import subprocess

LONGEST_FUNCTION, HIGHEST_COMPLEXITY, MOST_PARAMETERS = 80, 15, 5
LONGEST_FILE, LONGEST_HEADER = 600, 200
BRANCH = re.compile(r"\b(?:if|for|while|case|\w*FOR_EACH\w*|HASH_ITER)\b|&&|\|\||\?")


class Function:
    def __init__(self, tree, tag):
        self.file, self.name, self.line = tag["path"], tag["name"], tag["line"]
        self.lines = tag.get("end", self.line) - self.line + 1
        code = tree.code(self.file).split("\n")[self.line - 1:self.line - 1 + self.lines]
        code = "\n".join(line for line in code if not line.lstrip().startswith("#"))
        self.complexity = 1 + len(BRANCH.findall(code))
        self.parameters = count_parameters(tag.get("signature", "()"))
        self.place = f"{self.file}:{self.line}"
        self.id = f"{self.file}:{self.name}"


def count_parameters(signature):
    """`...` belongs to the format before it and does not count."""
    depth, parts = 0, [""]
    for char in signature.strip()[1:-1]:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return len([part for part in parts if part.strip() not in ("", "void", "...")])


def find_functions(tree):
    files = tree.c_files()
    listing = subprocess.run(
        ["ctags", "--languages=C", "--langmap=C:+.h", "--kinds-C=f", "--fields=+neS", "--output-format=json",
         "-f", "-", "-L", "-"], cwd=tree.root, input="\n".join(files), check=True, capture_output=True, text=True)
    return [Function(tree, json.loads(line)) for line in listing.stdout.splitlines()]


def check_length(functions, excepted):
    for one in functions:
        if one.lines > LONGEST_FUNCTION and not excepted("length", one.id):
            yield f"{one.place}: {one.name} has {one.lines} lines; at most {LONGEST_FUNCTION}"


def check_complexity(functions, excepted):
    for one in functions:
        if one.complexity > HIGHEST_COMPLEXITY and not excepted("complexity", one.id):
            yield f"{one.place}: {one.name} has complexity {one.complexity}; at most {HIGHEST_COMPLEXITY}"


def check_parameters(functions, excepted):
    for one in functions:
        if one.parameters > MOST_PARAMETERS and not excepted("parameters", one.id):
            yield f"{one.place}: {one.name} has {one.parameters} parameters; at most {MOST_PARAMETERS}"


def check_files(tree, excepted):
    for name in tree.c_files():
        most = LONGEST_HEADER if name.endswith(".h") else LONGEST_FILE
        lines = tree.text(name).count("\n")
        if lines > most and not excepted("file", name):
            yield f"{name}:1: {lines} lines; at most {most}"


def report(tree, functions):
    """Numbers to look at, not to play with."""
    for folder in ("src", "tests"):
        sizes = sorted(one.lines for one in functions if one.file.startswith(folder + "/"))
        if sizes:
            p90 = sizes[len(sizes) * 9 // 10]
            print(f"functions in {folder}: {len(sizes)}, median {statistics.median_low(sizes)} lines, p90 {p90}")
    headers, sources = tree.under("src", "include", suffixes=".h"), tree.under("src", suffixes=".c")
    print(f"comments: {tree.comment_share(headers):.0f} % of headers, {tree.comment_share(sources):.0f} % of .c files")
    largest = sorted(tree.c_files(), key=lambda name: -tree.text(name).count("\n"))[:5]
    print("largest files:", ", ".join(f"{name} {tree.text(name).count(chr(10))}" for name in largest))
