"""Feedback records in SQLite: rows ⇄ Feedback."""

from collections.abc import Mapping, Sequence
from typing import Any

import apsw

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.feedback_tally import Tallies
from runstore.errors import NotFound
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.jsontext import decode, encode
from runstore.plan.budget import record_bytes
from runstore.sql.sqlite.select import key_list

COLUMNS = (
    "id", "run_id", "trace_id", "pid", "key", "score", "value", "comment", "correction", "source",
    "source_type", "extra", "created_us", "modified_us", "comparative_experiment_id",
    "feedback_group_id",
)  # fmt: skip
_EXTRA = COLUMNS.index("extra")
# A record that does not say its trace or project has those of its run, once that is there.
_OF_RUN = {"trace_id": "ifnull(f.trace_id, r.trace_id)", "pid": "ifnull(f.pid, r.pid)"}
_COLUMNS = ", ".join(_OF_RUN.get(column, f"f.{column}") for column in COLUMNS)
_SELECT = f"SELECT {_COLUMNS} FROM feedback AS f LEFT JOIN runs AS r ON r.id = f.run_id"
_OF_RUNS = (
    f"SELECT {_COLUMNS} FROM json_each(?) AS k CROSS JOIN feedback AS f INDEXED BY feedback_run"
    " ON f.run_id = unhex(k.value) CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = f.run_id"
    " ORDER BY f.created_us DESC, f.id DESC"
)
_OF_PROJECTS = (
    f"SELECT {', '.join(COLUMNS)} FROM feedback INDEXED BY feedback_run WHERE run_id IS NULL"
    " AND pid IN (SELECT value FROM json_each(?))"
)
_PLACE_COLUMNS = ("run_pid", "run_start_us", "run_kind")  # where it is counted: feedback_tally.py
_UPSERT = "INSERT OR REPLACE INTO feedback ({}) VALUES ({})".format(
    ", ".join((*COLUMNS, *_PLACE_COLUMNS)), ", ".join("?" * len((*COLUMNS, *_PLACE_COLUMNS)))
)
_NOWHERE = (None, None, None)


def source_type(source: bytes | None) -> str | None:
    """The `type` in a feedback's source."""
    value = None if source is None else decode(source)
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def feedback_row(feedback: Feedback, pid: int | None) -> tuple[Any, ...]:
    return (
        id_to_bytes(feedback.id),
        _blob(feedback.run_id),
        _blob(feedback.trace_id),
        pid,
        feedback.key,
        feedback.score,
        feedback.value,
        feedback.comment,
        feedback.correction,
        feedback.source,
        source_type(feedback.source),
        feedback.extra,
        feedback.created_us,
        feedback.modified_us,
        feedback.comparative_experiment_id,
        feedback.feedback_group_id,
    )


def feedback_from_row(row: tuple[Any, ...], project_ids: Mapping[int, str]) -> Feedback:
    (
        feedback_id, run_id, trace_id, pid, key, score, value, comment, correction, source, _type,
        extra, created_us, modified_us, experiment_id, group_id,
    ) = row  # fmt: skip
    return Feedback(
        id=id_from_bytes(feedback_id),
        key=key,
        run_id=_text(run_id),
        trace_id=_text(trace_id),
        project_id=project_ids.get(pid),
        score=score,
        value=value,
        comment=comment,
        correction=correction,
        source=source,
        extra=extra,
        created_us=created_us,
        modified_us=modified_us,
        comparative_experiment_id=experiment_id,
        feedback_group_id=group_id,
    )


def _held(connection: Connection, row: tuple[Any, ...], project_ids: Mapping[int, str]) -> Feedback:
    """One of an answer. Raises QueryTooCostly."""
    record = feedback_from_row(row, project_ids)
    connection.account.hold(record_bytes(record))
    return record


def upsert(connection: apsw.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Of records with the same id the last is kept. Their runs must have been written before."""
    tallies = Tallies(connection)
    written = []
    for row in {row[0]: row for row in rows}.values():
        record_id, run_id, _trace_id, _pid, key, score, value, *_ = row
        tallies.go(record_id)
        place = tallies.come(run_id, key, (score, value, row[_EXTRA]))
        written.append(row + (place or _NOWHERE))
    connection.executemany(_UPSERT, written)
    tallies.write()


def delete(connection: apsw.Connection, feedback_id: str) -> None:
    """Raises NotFound."""
    record_id = id_to_bytes(feedback_id)
    tallies = Tallies(connection)
    tallies.go(record_id)
    connection.execute("DELETE FROM feedback WHERE id = ?", (record_id,))
    if connection.changes() == 0:
        raise NotFound(f"Feedback {feedback_id} not found")
    tallies.write()


def feedback_of_runs(
    connection: Connection, run_ids: Sequence[str], project_ids: Mapping[int, str]
) -> dict[str, list[Feedback]]:
    """By run id, newest first; runs without any are missing."""
    found: dict[str, list[Feedback]] = {}
    keys = encode([run_id.replace("-", "") for run_id in run_ids]).decode()
    for row in connection.raw.execute(_OF_RUNS, (keys,)):
        record = _held(connection, row, project_ids)
        found.setdefault(record.run_id or "", []).append(record)
    return found


def feedback_of_projects(
    connection: Connection, pids: Sequence[int], project_ids: Mapping[int, str]
) -> list[Feedback]:
    """On these projects themselves."""
    rows = connection.raw.execute(_OF_PROJECTS, (key_list(list(pids)),))
    return [_held(connection, row, project_ids) for row in rows]


def list_feedback(
    connection: Connection,
    query: FeedbackQuery,
    pids: Sequence[int] | None,
    project_ids: Mapping[int, str],
) -> list[Feedback]:
    where, values = ["TRUE"], []

    def restrict(condition: str, value: object) -> None:
        where.append(condition)
        values.append(value)

    if query.ids is not None:
        restrict("f.id IN (SELECT unhex(value) FROM json_each(?))", _ids(query.ids))
    if query.run_ids is not None:
        restrict("f.run_id IN (SELECT unhex(value) FROM json_each(?))", _ids(query.run_ids))
    if pids is not None:
        restrict("ifnull(f.pid, r.pid) IN (SELECT value FROM json_each(?))", key_list(list(pids)))
    if query.keys is not None:
        restrict("f.key IN (SELECT value FROM json_each(?))", _json(query.keys))
    if query.source_types is not None:
        restrict("f.source_type IN (SELECT value FROM json_each(?))", _json(query.source_types))
    if query.created_min_us is not None:
        restrict("f.created_us >= ?", query.created_min_us)
    if query.created_max_us is not None:
        restrict("f.created_us < ?", query.created_max_us)
    if query.has_score is not None:
        restrict("(f.score IS NOT NULL) = ?", query.has_score)
    if query.has_comment is not None:
        restrict("(f.comment IS NOT NULL AND f.comment <> '') = ?", query.has_comment)
    sql = " WHERE ".join((_SELECT, " AND ".join(where)))
    sql += " ORDER BY f.created_us DESC, f.id DESC LIMIT ? OFFSET ?"
    rows = connection.raw.execute(sql, (*values, query.limit, query.offset))
    return [_held(connection, row, project_ids) for row in rows]


def read_feedback(
    connection: apsw.Connection, feedback_id: str, project_ids: Mapping[int, str]
) -> Feedback:
    row = connection.execute(_SELECT + " WHERE f.id = ?", (id_to_bytes(feedback_id),)).fetchone()
    if row is None:
        raise NotFound(f"Feedback {feedback_id} not found")
    return feedback_from_row(row, project_ids)


def _ids(ids: Sequence[str]) -> str:
    return key_list([id_to_bytes(one) for one in ids])


def _json(texts: Sequence[str]) -> str:
    return encode(list(texts)).decode()


def _blob(text: str | None) -> bytes | None:
    return None if text is None else id_to_bytes(text)


def _text(blob: bytes | None) -> str | None:
    return None if blob is None else id_from_bytes(blob)
