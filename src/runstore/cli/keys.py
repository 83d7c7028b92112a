"""`runstore keys`: API keys of a folder; `runstore key new`: one for the server's environment."""

import os
import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from runstore.cli.output import Format

KEY_BYTES = 32
Role = Literal["admin", "read", "write"]
Data = Annotated[
    Path | None, Parameter(help="The server's folder. Default: RUNSTORE_DATA, or runstore-data")
]

keys = App(
    name="keys",
    help="Create, list and revoke the API keys of a folder. A running server follows in a second."
    "\n\nExample: `runstore keys create --name agent --role write`",
)


@keys.command(name="create")
def create(*, name: str = "", role: list[Role] | None = None, data: Data = None) -> int:
    """Create an API key and print it. It is shown this once: the folder keeps only its hash.

    Example: `runstore keys create --name agent --role write`

    Parameters
    ----------
    name
        To know it by. It is taken once.
    role
        read: queries; write: runs and feedback sent; admin: everything, the default. Repeatable.
    """
    from runstore.store.keys import create_key

    folder = folder_of(data)
    key, secret = create_key(
        folder, time.time_ns() // 1_000, name=name, roles=tuple(role or ("admin",))
    )
    print(f"key   {secret}")
    print(f"id    {key.id}")
    print(f"role  {', '.join(key.roles)}")
    print()
    print("Client:  LANGSMITH_API_KEY=<key>")
    return 0


@keys.command(name="list")
def list_keys(
    *,
    output: Annotated[Format, Parameter(name=("--output", "-o"))] = "table",
    data: Data = None,
) -> int:
    """List the API keys of a folder: ids, names and roles; a key itself is never shown again.

    Example: `runstore keys list --data runstore-data`

    Parameters
    ----------
    output
        table, json, jsonl or csv.
    """
    import orjson

    from runstore.cli.output import Column, write
    from runstore.model.times import text_from_us
    from runstore.store.keys import Key, read_keys

    columns: list[Column[Key]] = [
        Column("id", lambda key: key.id),
        Column("name", lambda key: key.name),
        Column("roles", lambda key: ",".join(key.roles)),
        Column("created_at", lambda key: text_from_us(key.created_us)),
    ]
    write(
        read_keys(folder_of(data)),
        columns,
        output,
        lambda key: orjson.dumps({column.name: column.read(key) for column in columns}),
    )
    return 0


@keys.command(name="revoke")
def revoke(id_or_name: str, /, *, data: Data = None) -> int:
    """Revoke an API key. Within a second it is good for nothing.

    Example: `runstore keys revoke agent`

    Parameters
    ----------
    id_or_name
        As `runstore keys list` shows it.
    """
    from runstore.store.keys import revoke_key

    key = revoke_key(folder_of(data), id_or_name)
    print(f"revoked {key.id} {key.name}".rstrip())
    return 0


def folder_of(data: Path | None) -> Path:
    return data or Path(os.environ.get("RUNSTORE_DATA") or "runstore-data")


def new_key() -> int:
    import secrets

    from runstore.settings import key_hash

    key = f"rs_{secrets.token_urlsafe(KEY_BYTES)}"
    print(f"key   {key}")
    print(f"hash  {key_hash(key)}")
    print()
    print("Client:  LANGSMITH_API_KEY=<key>")
    print("Server:  RUNSTORE_API_KEY_HASHES=<hash>[,<hash>...]")
    return 0
