"""`python -m bench.kit ARGS`: `runstore bench ARGS` on a server of its own with an empty folder."""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.server import Server


def main() -> int:
    command = [str(Path(sys.executable).with_name("runstore")), "bench"]
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "data") as server:
        done = subprocess.run([*command, "--target", server.url, *sys.argv[1:]], check=False)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
