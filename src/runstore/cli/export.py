"""`runstore export`: options of list_runs -> one file, and the account of what is in it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.filters import EVERY_RUN, RunOptions


def export_file(
    file: Path,
    /,
    *,
    which: RunOptions = EVERY_RUN,
    limit: Annotated[int | None, Parameter(name=("--limit", "-n"))] = None,
    order: Literal["asc", "desc"] | None = None,
    feedback: bool = True,
    attachments: bool = True,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    restart: Annotated[bool, Parameter(negative=())] = False,
    verify: Annotated[bool, Parameter(negative=())] = False,
    requests_per_10s: int | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    connection: Connection = HERE,
) -> int:
    """Write runs into one file, with their feedback and attachments.

    An export that was interrupted goes on where it stopped when the same command is given again;
    times such as 7d move on, so say when instead. Exit code 0: everything is in the file; 1:
    something is not, or the server refused; 2: the command is wrong.

    Example: `runstore export runs.parquet --project default --since 2026-03-01`

    Parameters
    ----------
    file
        Ends in .jsonl, .jsonl.zst or .parquet. Attachments go into a folder beside it.
    limit
        Runs in all.
    order
        asc: the oldest first.
    feedback
        Take it along.
    attachments
        Take them along.
    overwrite
        Replace a file that is there, once the new one is whole.
    restart
        Forget an export that was interrupted, and begin again.
    verify
        Read the file again, and compare it with what was read.
    requests_per_10s
        No more than so many requests in any 10 seconds; LangSmith takes 10 that list runs.
    json
        Print the account as JSON.
    """
    asked = {**which.keywords(), "limit": limit, "order": order}
    options = {
        "overwrite": overwrite,
        "restart": restart,
        "feedback": feedback,
        "attachments": attachments,
        "verify": verify,
        "requests_per_10s": requests_per_10s,
    }
    return _export(connection, file.expanduser(), {**options, **asked}, as_json=json)


def _export(connection: Connection, file: Path, options: dict[str, Any], *, as_json: bool) -> int:
    from runstore.cli.account import show_account, watched
    from runstore.client.transfer import export_runs

    with connection.open() as client, watched(options["limit"]) as on_ledger:
        ledger = export_runs(client, file, on_ledger=on_ledger, **options)
    return show_account(ledger, as_json=as_json)
