"""`python -m bench.walks WALK TARGET SECONDS PROJECT ...`: one walk over all runs, timed, as JSON.

A process of its own, so that client and server do not share an interpreter, nor one walk's memory
another's. The newest run is read first, untimed: it opens the target and imports what is needed.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import langsmith

import runstore

_KEY = "bench"


@dataclass(frozen=True, slots=True)
class Walked:
    """`complete` False: stopped after the seconds it was given."""

    runs: int
    seconds: float
    cpu_s: float  # of the client's process
    rss_max: int  # bytes, at most
    complete: bool


class _Watch:
    """Counts runs, and says when it is time to stop."""

    def __init__(self, seconds_max: float) -> None:
        self.runs = 0
        self.complete = True
        self._cpu = time.process_time()
        self._began = time.perf_counter()
        self._deadline = self._began + seconds_max

    def over(self, runs: Iterator[object]) -> None:
        for self.runs, _ in enumerate(runs, 1):
            if self.runs % 100 == 0 and time.perf_counter() > self._deadline:
                self.complete = False
                return

    async def over_async(self, runs: AsyncIterator[object]) -> None:
        async for _ in runs:
            self.runs += 1
            if self.runs % 100 == 0 and time.perf_counter() > self._deadline:
                self.complete = False
                return

    def walked(self) -> Walked:
        return Walked(
            runs=self.runs,
            seconds=time.perf_counter() - self._began,
            cpu_s=time.process_time() - self._cpu,
            rss_max=_rss_max(),
            complete=self.complete,
        )


def _rss_max() -> int:
    """Linux only. Not from getrusage, which counts what the parent had when it forked."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    return int(found[1]) * 1024 if found else 0


def _sync(target: str, projects: list[str], seconds_max: float) -> Walked:
    with runstore.Client(target, api_key=_KEY) as client:
        client.list_runs(project_name=projects).first()
        watch = _Watch(seconds_max)
        with closing(client.list_runs(project_name=projects)) as runs:
            watch.over(runs)
        return watch.walked()


def _sync_reading(target: str, projects: list[str], seconds_max: float) -> Walked:
    """What most exports touch: ids, names, times, and the two large payloads as objects."""
    with runstore.Client(target, api_key=_KEY) as client:
        client.list_runs(project_name=projects).first()
        watch = _Watch(seconds_max)
        with closing(client.list_runs(project_name=projects)) as runs:
            watch.over((run.id, run.name, run.start_time, run.inputs, run.outputs) for run in runs)
        return watch.walked()


async def _async(target: str, projects: list[str], seconds_max: float) -> Walked:
    async with runstore.AsyncClient(target, api_key=_KEY) as client:
        await client.list_runs(project_name=projects).first()
        watch = _Watch(seconds_max)
        runs = client.list_runs(project_name=projects)
        try:
            await watch.over_async(runs)
        finally:
            await runs.aclose()
        return watch.walked()


async def _langsmith(target: str, projects: list[str], seconds_max: float) -> Walked:
    async with langsmith.AsyncClient(api_url=target, api_key=_KEY) as client:
        await anext(client.list_runs(project_name=projects, limit=1))
        watch = _Watch(seconds_max)
        await watch.over_async(client.list_runs(project_name=projects))
        return watch.walked()


async def _to_arrow(target: str, projects: list[str], seconds_max: float) -> Walked:
    async with runstore.AsyncClient(target, api_key=_KEY) as client:
        await client.list_runs(project_name=projects, limit=1).to_arrow(progress=False)
        watch = _Watch(seconds_max)
        table = await client.list_runs(project_name=projects).to_arrow(progress=False)
        watch.runs = table.num_rows
        return watch.walked()


async def _to_parquet(target: str, projects: list[str], seconds_max: float) -> Walked:
    with tempfile.TemporaryDirectory() as folder:
        async with runstore.AsyncClient(target, api_key=_KEY) as client:
            path = Path(folder) / "runs.parquet"
            await client.list_runs(project_name=projects, limit=1).to_parquet(path, progress=False)
            watch = _Watch(seconds_max)
            watch.runs = await client.list_runs(project_name=projects).to_parquet(
                path, progress=False
            )
            return watch.walked()


_Walk = Callable[[str, list[str], float], Walked | Awaitable[Walked]]
WALKS: dict[str, _Walk] = {
    "sync": _sync,
    "sync, inputs and outputs read": _sync_reading,
    "async": _async,
    "to_arrow": _to_arrow,
    "to_parquet": _to_parquet,
    "langsmith": _langsmith,
}


def main() -> int:
    walk, target, seconds_max, *projects = sys.argv[1:]
    os.environ["LANGSMITH_TRACING"] = "false"
    walked = WALKS[walk](target, projects, float(seconds_max))
    if not isinstance(walked, Walked):
        walked = asyncio.run(_awaited(walked))
    print(json.dumps(asdict(walked)))
    return 0


async def _awaited(walk: Awaitable[Walked]) -> Walked:
    return await walk


if __name__ == "__main__":
    raise SystemExit(main())
