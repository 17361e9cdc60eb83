"""The tree that is checked: its files, their text, and C text without comments and strings."""
import functools
import pathlib
import re
import subprocess

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
COMMENT_OR_STRING = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def blank(match):
    """Spaces of the same size, so that offsets and line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group())


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                 cwd=root, check=True, capture_output=True, text=True).stdout
        self.files = sorted(name for name in set(listing.split("\0")) if name and (self.root / name).is_file())

    def under(self, *folders, suffixes=(".c", ".h")):
        return [name for name in self.files
                if name.endswith(suffixes) and name.startswith(tuple(folder + "/" for folder in folders))]

    def c_files(self):
        return self.under("src", "include", "tests", "bench", "examples")

    @functools.cache
    def text(self, name):
        return (self.root / name).read_text(errors="replace")

    @functools.cache
    def code(self, name):
        """The text with comments, strings and characters blanked."""
        return COMMENT_OR_STRING.sub(blank, self.text(name))

    def comment_share(self, names):
        """Percent of the bytes, other than white space, that are in comments."""
        comments = sum(len("".join(found.split())) for name in names for found in COMMENT.findall(self.text(name)))
        whole = sum(len("".join(self.text(name).split())) for name in names)
        return 100 * comments / max(whole, 1)
