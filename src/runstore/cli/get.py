"""`runstore get`: ids -> runs, whole, as JSON."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection

if TYPE_CHECKING:
    from runstore.client.run import Run
    from runstore.client.sync import Client


def get_runs(
    run_ids: list[str],
    /,
    *,
    feedback: Annotated[bool, Parameter(negative=())] = False,
    children: Annotated[bool, Parameter(negative=())] = False,
    output: Annotated[Literal["json", "jsonl"], Parameter(name=("--output", "-o"))] = "json",
    connection: Connection = HERE,
) -> int:
    """Show whole runs by their ids.

    Exit code 1 when one is not there; the others are shown.

    Example: `runstore get 0198c0de-0000-7000-8000-000000000001 --feedback`

    Parameters
    ----------
    run_ids
        One or more.
    feedback
        With the feedback records of each, under "feedback".
    children
        With all runs below each, under "child_runs".
    output
        json: indented; jsonl: one line each.
    """
    import sys

    import orjson

    from runstore.errors import NotFound

    option = orjson.OPT_INDENT_2 if output == "json" else 0
    missing = 0
    with connection.open() as client:
        for run_id in run_ids:
            try:
                run = client.read_run(run_id, load_child_runs=children)
            except NotFound as error:
                print(f"runstore: {run_id}: {error}", file=sys.stderr)
                missing += 1
                continue
            shown = _shown(client, run, feedback=feedback, children=children)
            print(orjson.dumps(shown, option=option).decode())
    return 1 if missing else 0


def _shown(client: "Client", run: "Run", *, feedback: bool, children: bool) -> dict[str, Any]:
    """The run as it came, and what was asked for besides."""
    import orjson

    shown: dict[str, Any] = orjson.loads(run.raw_json)
    if feedback:
        records = client.list_feedback(run_ids=[run.id])
        shown["feedback"] = [record.model_dump(mode="json") for record in records]
    if children:
        shown["child_runs"] = [
            _shown(client, child, feedback=feedback, children=True)
            for child in run.child_runs or ()
        ]
    return shown
