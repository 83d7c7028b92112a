"""The `runstore` command: which command, with which words. Each command has its own file."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

app = App(
    name="runstore",
    help="The open run store for LLM and agent traces that speaks LangSmith's wire protocol.",
    version=lambda: version("runstore"),
)
key = App(name="key", help="API keys.")
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
    RUNSTORE_INSECURE and RUNSTORE_LOG_LEVEL; API keys only from RUNSTORE_API_KEYS and
    RUNSTORE_API_KEY_HASHES.

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

    Example: runstore check ./runstore-data

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
    """Print a new API key and its hash. Nothing is stored: configure the hash, keep the key."""
    from runstore.cli.keys import new_key

    return new_key()


def main() -> None:
    raise SystemExit(app(result_action="return_value") or 0)
