"""`runstore import`: a file, server or folder -> runs at the target, and the account of them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.filters import EVERY_RUN, RunOptions


def import_source(
    source: str,
    /,
    *,
    which: RunOptions = EVERY_RUN,
    limit: Annotated[int | None, Parameter(name=("--limit", "-n"))] = None,
    into: str | None = None,
    verify: Annotated[bool, Parameter(negative=())] = False,
    source_api_key: str | None = None,
    source_workspace: str | None = None,
    requests_per_10s: int | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    connection: Connection = HERE,
) -> int:
    """Write the runs of a file, server or folder into the target, as they are there.

    What the target has already is left alone, so the same command again changes nothing, and one
    that was interrupted is simply given again. Exit code 0: everything is at the target; 1:
    something is not, or a server refused; 2: the command is wrong.

    Example: `runstore import runs.jsonl --target ./traces`

    Parameters
    ----------
    source
        A file that ends in .jsonl, .jsonl.zst or .parquet; a URL of Runstore or LangSmith; a
        folder. Options that say which runs are for servers and folders.
    limit
        Runs in all.
    into
        Name of the project all runs go into. Default: the one each was in.
    verify
        Read back what was written, and compare.
    source_api_key
        Of a server that is read. Default: LANGSMITH_API_KEY
    source_workspace
        Of LangSmith, when it is read.
    requests_per_10s
        No more than so many requests in any 10 seconds to the source, and to the target;
        LangSmith takes 10 that list runs.
    json
        Print the account as JSON.
    """
    from runstore.cli.account import show_account, watched
    from runstore.client.sync import Client
    from runstore.client.transfer import import_runs
    from runstore.client.transfer.formats import ENDINGS

    asked = which.keywords(needs_scope=not source.endswith(ENDINGS))
    if limit is not None:
        asked["limit"] = limit
    with connection.open() as target, watched(limit) as on_ledger:
        if source.endswith(ENDINGS):
            place: Client | Path = Path(source).expanduser()
        else:
            place = Client(source, api_key=source_api_key, workspace_id=source_workspace)
        try:
            ledger = import_runs(
                place,
                target,
                project=into,
                verify=verify,
                requests_per_10s=requests_per_10s,
                on_ledger=on_ledger,
                **asked,
            )
        finally:
            if isinstance(place, Client):
                place.close()
    return show_account(ledger, as_json=json)
