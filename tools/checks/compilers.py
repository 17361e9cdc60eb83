"""What gcc, clang and clang-format say about the tree."""
import concurrent.futures
import os
import re
import shlex
import subprocess


def run(command, root, **environment):
    done = subprocess.run(command, cwd=root, text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | environment)
    return [] if done.returncode == 0 else done.stdout.rstrip().splitlines()[-60:] or ["failed without a word"]


def check_build(root, build, compiler, *options):
    """Warnings are errors there (meson.build)."""
    if not (build / "build.ninja").exists():
        if findings := run(["meson", "setup", build, root, *options], root, CC=compiler):
            return findings
    return run(["ninja", "-C", build, "--quiet"], root)


def check_format(tree):
    files = tree.c_files()
    halves = [files[part::os.cpu_count()] for part in range(os.cpu_count())]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for lines in pool.map(lambda part: part and run(["clang-format", "--dry-run", "-Werror", *part], tree.root), halves):
            yield from lines


def check_self_contained(tree):
    """Each header compiles alone."""
    packages = subprocess.run(["pkg-config", "--cflags", "jansson", "libfyaml", "sqlite3", "libcrypto"],
                              capture_output=True, text=True).stdout
    command = ["clang", "-x", "c", "-std=gnu17", "-D_GNU_SOURCE", "-Isrc", "-Iinclude", "-fsyntax-only", "-w",
               *shlex.split(packages)]
    headers = tree.under("src", "include", suffixes=".h")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines in pool.map(lambda name: run([*command, name], tree.root), headers):
            yield from (line for line in lines if re.search(r"error:", line))
