"""Exports that kill themselves: python -m tests.client.transfer.killed URL FILE STEP...

Steps are what makes something durable: fsync and rename. Before the STEP-th of them a process ends
as by the power switch; 0: never. Each STEP is a process of its own, forked from one that has
imported everything, until one is not killed. Prints how each ended, and whether FILE was there
then; and of the last the ledger, and how many pages it asked for.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from runstore.client.calls import runs
from runstore.client.http import HttpRequest, HttpResponse
from runstore.client.sync import Client
from runstore.client.transfer import export_runs, parquet

PAGE_RUNS = 4


def main(url: str, file: str, steps: list[int]) -> None:
    run_ids = json.load(sys.stdin)
    for step in steps:
        if (child := os.fork()) == 0:
            export_and_die(url, file, run_ids, step)
            return
        _, status = os.waitpid(child, 0)
        say([os.waitstatus_to_exitcode(status), os.path.exists(file)])
        if status == 0:
            return


def export_and_die(url: str, file: str, run_ids: list[str], step: int) -> None:
    left = step

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        return call

    for name in ("fsync", "replace"):
        setattr(os, name, counted(getattr(os, name)))
    parquet.PARQUET_GROUP_RUNS = 2 * PAGE_RUNS  # type: ignore[attr-defined]
    runs.LANGSMITH_PAGE_RUNS = PAGE_RUNS  # type: ignore[attr-defined]
    pages = 0
    with Client(url, api_key="any") as client:
        client._server.page_runs_max = PAGE_RUNS
        send = client._transport.send

        def spy(request: HttpRequest) -> HttpResponse:
            nonlocal pages
            pages += request.path == "/runs/query"
            return send(request)

        client._transport.send = spy  # type: ignore[method-assign]
        ledger = export_runs(client, file, run_ids=run_ids)
    say({"pages": pages, **ledger.as_json()})


def say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], list(map(int, sys.argv[3:])))
