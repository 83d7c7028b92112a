"""`runstore feedback`: list, create."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.output import Format

feedback = App(
    name="feedback",
    help="List and create feedback on runs.\n\nExample: `runstore feedback list --key user_score`",
)


@feedback.command(name="list")
def list_feedback(
    *,
    run_id: list[str] | None = None,
    key: list[str] | None = None,
    source: list[str] | None = None,
    limit: Annotated[int | None, Parameter(name=("--limit", "-n"))] = 100,
    output: Annotated[Format, Parameter(name=("--output", "-o"))] = "table",
    connection: Connection = HERE,
) -> int:
    """List feedback, the newest first.

    Example: `runstore feedback list --key user_score -o csv`

    Parameters
    ----------
    run_id
        On this run; repeatable.
    key
        Of this key; repeatable.
    source
        From api, model, app; repeatable.
    limit
        Records in all.
    output
        table, json, jsonl or csv.
    """
    import msgspec

    from runstore.cli.output import Column, local_time, write
    from runstore.client.feedback import Feedback

    # fmt: off
    columns: list[Column[Feedback]] = [
        Column("id",         lambda one: str(one.id)),
        Column("run_id",     lambda one: None if one.run_id is None else str(one.run_id)),
        Column("key",        lambda one: one.key, is_free=True),
        Column("score",      lambda one: one.score, right=True),
        Column("value",      lambda one: one.value, is_free=True),
        Column("comment",    lambda one: one.comment, is_free=True),
        Column("created_at", lambda one: one.created_at, local_time),
    ]
    # fmt: on
    with connection.open() as client:
        found = client.list_feedback(
            run_ids=run_id, feedback_key=key, feedback_source_type=source, limit=limit
        )
        write(found, columns, output, lambda one: msgspec.json.encode(one.model_dump(mode="json")))
    return 0


@feedback.command(name="create")
def create_feedback(
    run_id: str,
    key: str,
    /,
    *,
    score: float | None = None,
    value: str | None = None,
    comment: str | None = None,
    connection: Connection = HERE,
) -> int:
    """Put feedback on a run, and print its id.

    Example: `runstore feedback create 0198c0de-0000-7000-8000-000000000001 user_score --score 1`

    Parameters
    ----------
    run_id
        The run it is about.
    key
        What is judged: user_score, correctness, ...
    score
        A number.
    value
        A word, where a number says too little.
    comment
        For people.
    """
    given: dict[str, Any] = {"score": score, "value": value, "comment": comment}
    with connection.open() as client:
        print(client.create_feedback(run_id, key, **given).id)
    return 0
