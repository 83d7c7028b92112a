"""Brings a folder's database to the newest schema: numbered SQL files, applied in order."""

from functools import cache
from importlib import resources

import apsw

from runstore.errors import FolderFormat

APPLICATION_ID = 0x52554E53  # "RUNS": tells our databases from others


def schema_steps() -> list[tuple[int, str]]:
    """(version, SQL), in order."""
    folder = resources.files("runstore.sql.sqlite") / "schema"
    steps = [
        (int(file.name.split("_")[0]), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(steps)


@cache
def schema_version() -> int:
    """The newest, which this program writes."""
    return schema_steps()[-1][0]


def migrate(connection: apsw.Connection, folder: str) -> None:
    """Each step in a transaction of its own; a step cut short leaves the version before it.

    Raises FolderFormat for a database that is not ours or newer than this program.
    """
    version = refuse_foreign(connection, folder)
    for step, sql in schema_steps():
        if step > version:
            with connection:
                connection.execute(sql)
                connection.pragma("application_id", APPLICATION_ID)
                connection.pragma("user_version", step)


def refuse_foreign(connection: apsw.Connection, folder: str) -> int:
    """The database's schema version, 0 for an empty one. Raises FolderFormat as `migrate` does."""
    application = connection.pragma("application_id")
    version = connection.pragma("user_version")
    newest = schema_version()
    if application not in (0, APPLICATION_ID):
        raise FolderFormat(f"{folder} holds a database that is not Runstore's")
    if version > newest:
        raise FolderFormat(
            f"{folder} was written by a newer Runstore (schema {version}, this program knows"
            f" {newest}); upgrade Runstore to open it"
        )
    return int(version)
