"""Projects in SQLite: rows ⇄ Project."""

from collections.abc import Mapping
from typing import Any

import apsw

from runstore.engine.sqlite.connections import Connection
from runstore.errors import Conflict, NotFound
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.project import Project, ProjectQuery
from runstore.plan.budget import project_bytes
from runstore.sql.sqlite.select import key_list

COLUMNS = (
    "id", "name", "start_us", "end_us", "description", "extra", "default_dataset_id",
    "reference_dataset_id", "trace_tier",
)  # fmt: skip
ID_COLUMNS = ("id", "default_dataset_id", "reference_dataset_id")
SORTS = {
    "start_time": "p.start_us",
    "name": "p.name",
    "last_run_start_time": "(SELECT max(r.start_us) FROM runs AS r WHERE r.pid = p.pid)",
}
_SELECT = "SELECT {} FROM projects AS p WHERE ".format(", ".join(f"p.{one}" for one in COLUMNS))
_INSERT = "INSERT INTO projects ({}) VALUES ({})".format(
    ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
)


def project_from_row(row: tuple[Any, ...]) -> Project:
    values = dict(zip(COLUMNS, row, strict=True))
    for column in ID_COLUMNS:
        if values[column] is not None:
            values[column] = id_from_bytes(values[column])
    return Project(**values)


def _row_value(column: str, value: Any) -> Any:
    return id_to_bytes(value) if column in ID_COLUMNS and value is not None else value


def insert(connection: apsw.Connection, project: Project) -> int:
    """Its pid. Raises Conflict if the name or the id is taken."""
    values = [_row_value(column, getattr(project, column)) for column in COLUMNS]
    try:
        connection.execute(_INSERT, values)
    except apsw.ConstraintError as error:
        raise Conflict(f"Project {project.name!r} exists already") from error
    return connection.last_insert_rowid()


def read(connection: apsw.Connection, project_id: str) -> tuple[int, Project]:
    """(pid, project). Raises NotFound."""
    row: Any = connection.execute(
        _SELECT.replace("SELECT ", "SELECT p.pid, ", 1) + "p.id = ?", (id_to_bytes(project_id),)
    ).fetchone()
    if row is None:
        raise NotFound(f"Project {project_id} not found")
    return row[0], project_from_row(row[1:])


def update(connection: apsw.Connection, project_id: str, changes: Mapping[str, object]) -> Project:
    """Raises NotFound, Conflict."""
    pid, _ = read(connection, project_id)
    for column in COLUMNS:
        if column in changes:
            assert column != "id", "a project keeps its id"
            try:
                connection.execute(
                    f"UPDATE projects SET {column} = ? WHERE pid = ?",
                    (_row_value(column, changes[column]), pid),
                )
            except apsw.ConstraintError as error:
                raise Conflict(f"Project {changes['name']!r} exists already") from error
    return read(connection, project_id)[1]


def list_projects(connection: Connection, query: ProjectQuery) -> tuple[list[Project], int]:
    where: list[str] = ["TRUE"]
    values: list[Any] = []

    def restrict(condition: str, *bound: object) -> None:
        where.append(condition)
        values.extend(bound)

    if query.ids is not None:
        ids = key_list([id_to_bytes(one) for one in query.ids])
        restrict("p.id IN (SELECT unhex(value) FROM json_each(?))", ids)
    if query.name is not None:
        restrict("p.name = ?", query.name)
    if query.name_contains is not None:
        restrict("casefold_contains(p.name, ?)", query.name_contains)
    if query.metadata is not None:
        restrict("metadata_contains(p.extra, ?)", query.metadata)
    if query.reference_dataset_ids is not None:
        ids = key_list([id_to_bytes(one) for one in query.reference_dataset_ids])
        restrict("p.reference_dataset_id IN (SELECT unhex(value) FROM json_each(?))", ids)
    if query.is_experiment is not None:
        restrict("(p.reference_dataset_id IS NOT NULL) = ?", query.is_experiment)
    condition = " AND ".join(where)
    count: Any = connection.raw.execute(
        "SELECT count(*) FROM projects AS p WHERE " + condition, values
    ).fetchone()
    sort = SORTS.get(query.sort_by, SORTS["start_time"])
    direction = "DESC" if query.descending else "ASC"
    rows = connection.raw.execute(
        f"{_SELECT}{condition} ORDER BY {sort} {direction}, p.id {direction} LIMIT ? OFFSET ?",
        (*values, query.limit, query.offset),
    )
    found = []
    for row in rows:
        found.append(project_from_row(row))
        connection.account.hold(project_bytes(found[-1]))
    return found, count[0]
