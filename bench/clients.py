"""All runs of a store, as its users fetch them: over HTTP, from the folder, with LangSmith's SDK.

Each walk is a process of its own (bench/walks.py), and nothing else runs meanwhile but the server.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.server import Server
from bench.walks import Walked
from runstore.benchmark.agents import PROJECTS

WALK_SECONDS_MAX = 120.0  # of an iteration; one slower than that is stopped, its rate is steady
OVER_HTTP = ("langsmith", "async", "sync, inputs and outputs read", "to_arrow", "to_parquet")
ON_FOLDER = ("sync", "async", "sync, inputs and outputs read", "to_arrow", "to_parquet")


class WalkError(Exception):
    """A walk did not end well; the message is what its process said."""


@dataclass(frozen=True, slots=True)
class ClientWalk:
    """`name` is of bench.walks.WALKS, `where` "HTTP" or "folder"."""

    name: str
    where: str
    walked: Walked

    @property
    def runs_per_s(self) -> float:
        return self.walked.runs / self.walked.seconds

    @property
    def title(self) -> str:
        if self.name == "langsmith":
            return "HTTP, langsmith.AsyncClient"
        return f"{self.where}, {self.name}"


def walks_over_http(server: Server) -> list[ClientWalk]:
    """The server runs. Raises WalkError."""
    return [_walk(name, "HTTP", server.url) for name in OVER_HTTP]


def walks_on_folder(data: Path) -> list[ClientWalk]:
    """No server should run meanwhile. Raises WalkError."""
    return [_walk(name, "folder", str(data.absolute())) for name in ON_FOLDER]


def times_langsmith(walks: list[ClientWalk], walk: ClientWalk) -> float | None:
    """How many times as fast as LangSmith's client in the same run."""
    for other in walks:
        if other.name == "langsmith":
            return walk.runs_per_s / other.runs_per_s
    return None


def _walk(name: str, where: str, target: str) -> ClientWalk:
    command = [sys.executable, "-m", "bench.walks", name, target, str(WALK_SECONDS_MAX)]
    ours = {key: value for key, value in os.environ.items() if not key.startswith("LANG")}
    projects = [name for name, _ in PROJECTS]
    done = subprocess.run(
        [*command, *projects], capture_output=True, text=True, check=False, env=ours
    )
    if done.returncode:
        raise WalkError(f"{where}, {name}:\n{done.stderr[-4_000:]}")
    walk = ClientWalk(name, where, Walked(**json.loads(done.stdout)))
    print(f"  {walk.title:<44}{walk.runs_per_s:>9,.0f} runs/s", flush=True)
    return walk
