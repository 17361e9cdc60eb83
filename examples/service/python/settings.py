"""What the service is told by its environment."""
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "programs"
PAGE = HERE.parent / "page"

PORT = int(os.environ.get("PORT", "8080"))
API_PORT = int(os.environ.get("API_PORT", "8090"))
TERMINAL_PORT = int(os.environ.get("TERMINAL_PORT", "7682"))
STATE = pathlib.Path(os.environ.get("STATE", HERE.parent / "state-python"))
DATA = pathlib.Path(os.environ.get("DATA", HERE.parent / "data"))  # of the reconcile loop
TOKEN = os.environ.get("TOKEN", "")  # none: everybody may pass
WAIT_SECONDS = int(os.environ.get("WAIT_SECONDS", "60"))  # for an events file that is not there yet
POLL_SECONDS = 2.0
