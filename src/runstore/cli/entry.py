"""The program `runstore`, also where its extra is not installed: then it says so."""

import sys
from importlib.util import find_spec

NEEDED = ("cyclopts", "rich")  # of runstore[cli]
UNUSABLE = 2  # the exit code of a command that cannot begin: see problems.py


def main() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        needs = " and ".join(missing)
        print(
            f"runstore: the command line needs {needs}: pip install 'runstore[cli]', "
            "or 'runstore[server]' to serve and to open folders as well",
            file=sys.stderr,
        )
        raise SystemExit(UNUSABLE)
    from runstore.cli.main import main as run

    run()
