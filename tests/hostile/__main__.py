"""`python -m tests.hostile --examples 300`: a real server, asked everything its document allows
and much that it does not; at its end it answers, and its folder is sound."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import httpx2
from bench.server import Server

from runstore.store.keys import create_key
from tests.crash.rounds import damages
from tests.hostile.probe import probe


def main() -> int:
    said = _arguments()
    with tempfile.TemporaryDirectory(prefix="runstore-hostile-") as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir()
        _, key = create_key(folder, 0, name="hostile")
        with Server(folder) as server:
            report = probe(
                server.url,
                key,
                Path(scratch),
                examples=said.examples,
                seed=said.seed,
                whole=True,
            )
            print(report.text)
            problems = [] if report.is_clean else ["schemathesis found what is shown above"]
            ready = httpx2.get(f"{server.url}/ready", timeout=10)
            if ready.status_code != 200:
                problems.append(f"the server is not ready any more: {ready.text}")
            problems += [line for line in server.log().splitlines() if "Traceback" in line]
        problems += damages(folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--examples", type=int, default=300, help="requests per operation")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
