"""`runstore import`: a file, server or folder -> runs at the target, and the account of them."""

from contextlib import ExitStack
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
        A file (.jsonl, .jsonl.zst, .parquet), which is taken as a whole; a URL; a folder.
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
        No more than so many in any 10 seconds to each side; LangSmith takes 10 that list runs.
    json
        Print the account as JSON.
    """
    from runstore.cli.account import show_account, watched
    from runstore.client.transfer import import_runs

    is_file = _is_file(source)
    asked = which.keywords(needs_scope=not is_file)
    asked.update({} if limit is None else {"limit": limit})
    with ExitStack() as stack:
        origin = Connection(target=source, api_key=source_api_key, workspace=source_workspace)
        ledger = import_runs(
            Path(source).expanduser() if is_file else stack.enter_context(origin.open()),
            stack.enter_context(connection.open()),
            project=into,
            verify=verify,
            requests_per_10s=requests_per_10s,
            on_ledger=stack.enter_context(watched(limit)),
            **asked,
        )
    return show_account(ledger, as_json=json)


def _is_file(source: str) -> bool:
    """Of runs, by its name. Raises InvalidArgument for another file."""
    from runstore.client.transfer.formats import ENDINGS, ENDINGS_SAID
    from runstore.errors import InvalidArgument

    is_runs = source.endswith(ENDINGS)
    if not is_runs and Path(source).expanduser().is_file():
        raise InvalidArgument(f"{source} is a file whose name does not end in {ENDINGS_SAID}")
    return is_runs
