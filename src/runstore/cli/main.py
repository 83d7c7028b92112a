"""The `runstore` command: which command, with which words. Each command has its own file."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from runstore.cli.bench import bench_server
from runstore.cli.completion import show_completion
from runstore.cli.explain import explain_runs
from runstore.cli.export import export_file
from runstore.cli.feedback import feedback
from runstore.cli.get import get_runs
from runstore.cli.import_ import import_source
from runstore.cli.keys import keys
from runstore.cli.list import list_runs
from runstore.cli.projects import projects
from runstore.cli.stats import show_stats
from runstore.cli.tail import tail_runs
from runstore.cli.trace import show_trace

app = App(
    name="runstore",
    help="The open run store for LLM and agent traces that speaks LangSmith's wire protocol.\n\n"
    "Example: `runstore list --target ./traces --all-projects`",
    help_format="markdown",
    version=lambda: version("runstore"),
    default_parameter=Parameter(negative_iterable=()),
)
key = App(
    name="key",
    help="An API key for the server's environment; `keys` are the folder's.\n\n"
    "Example: `runstore key new`",
)
# What a command needs beyond its options is imported inside it, so that help is quick.
app.command(list_runs, name="list")
app.command(get_runs, name="get")
app.command(show_trace, name="trace")
app.command(tail_runs, name="tail")
app.command(show_stats, name="stats")
app.command(explain_runs, name="explain")
app.command(export_file, name="export")
app.command(import_source, name="import")
app.command(bench_server, name="bench")
app.command(projects)
app.command(feedback)
app.command(keys)
app.command(show_completion, name="completion")
app.command(key)


@app.command
def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    prices: Path | None = None,
    insecure: Annotated[bool | None, Parameter(negative=())] = None,
    log_level: Literal["debug", "info", "warning", "error"] | None = None,
) -> int:
    """Serve one folder over HTTP until SIGINT or SIGTERM.

    What is not said comes from RUNSTORE_HOST, RUNSTORE_PORT, RUNSTORE_DATA, RUNSTORE_PRICES,
    RUNSTORE_INSECURE and RUNSTORE_LOG_LEVEL; API keys from the folder (`runstore keys`), from
    RUNSTORE_API_KEYS and RUNSTORE_API_KEY_HASHES.

    Example: `runstore serve --data /srv/runs --port 1984`

    Parameters
    ----------
    host
        Address to listen on. Default: 127.0.0.1
    port
        Port to listen on, 0 for any free one. Default: 1984
    data
        The folder that holds everything, made if need be. Default: runstore-data
    prices
        JSON file of model prices that win over the ones that come with Runstore.
    insecure
        Listen beyond this machine without API keys.
    log_level
        Default: info
    """
    from runstore.cli.serve import serve as run

    return run(
        {
            "host": host,
            "port": port,
            "data": data,
            "prices": prices,
            "insecure": insecure,
            "log_level": log_level,
        }
    )


@app.command
def check(
    folder: Path,
    /,
    *,
    fast: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Verify a folder without changing it, even while a server writes it.

    Every row, index, sum, payload and attachment is looked at. Exit code 0: sound; 1: problems
    were found; 2: there is no folder that could be opened.

    Example: `runstore check ./runstore-data`

    Parameters
    ----------
    folder
        The folder a server or a client keeps its runs in.
    fast
        Leave out what takes long: unpacking payloads, hashing attachments, comparing SQLite's
        indexes with its tables.
    json
        Print one JSON object instead of a table.
    """
    from runstore.cli.check import check_folder

    return check_folder(folder, fast=fast, as_json=json)


@key.command
def new() -> int:
    """Print a new API key and its hash. Nothing is stored: configure the hash, keep the key.

    Example: `runstore key new`
    """
    from runstore.cli.keys import new_key

    return new_key()


def main() -> None:
    from runstore.cli.problems import run

    raise SystemExit(run(app))
