"""What a test needs from npm: pinned by a package.json and package-lock.json, installed once for a build folder."""
import pathlib
import shutil
import subprocess

from conftest import BIN


def install(package):
    """Installs what a folder's package.json and lock name; returns node_modules of the build folder's own copy."""
    package = pathlib.Path(package)
    copy = pathlib.Path(BIN).resolve().parent / "npm" / package.name
    copy.mkdir(parents=True, exist_ok=True)
    installed = copy / "installed.json"
    wanted = (package / "package-lock.json").read_bytes()
    if not installed.exists() or installed.read_bytes() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(package / name, copy)
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error",
                        "--fetch-retries=6"], cwd=copy, check=True, timeout=300)
        installed.write_bytes(wanted)
    return copy / "node_modules"
