"""`runstore bench`: one workload for any server -> a table, and files of the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from runstore.cli.connect import HERE, Connection

if TYPE_CHECKING:
    from runstore.benchmark.questions import QueryClass
    from runstore.benchmark.report import Report
    from runstore.client.target import Target

MEASURED, INCOMPLETE = 0, 1


@Parameter(name="*", group=Group("What is measured", sort_key=8))
@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The same of the same options, on any server."""

    runs: Annotated[
        int, Parameter(help="How many are written, of some 700 bytes as they are sent.")
    ] = 20_000
    seed: Annotated[int, Parameter(help="Another one: other runs and questions.")] = 1
    connections: Annotated[
        int,
        Parameter(help="That write at the same time, 20 at most. Questions are asked over one."),
    ] = 8
    repeat: Annotated[int, Parameter(help="Questions of each class.")] = 40
    only: Annotated[
        list[str] | None,
        Parameter(help="Classes with this in their names, such as stats; repeatable. Default: all"),
    ] = None


EVERYTHING = Workload()


def bench_server(
    *,
    workload: Workload = EVERYTHING,
    project: str | None = None,
    keep: Annotated[bool, Parameter(negative=())] = False,
    requests_per_10s: int | None = None,
    json: Path | None = None,
    markdown: Path | None = None,
    connection: Connection = HERE,
) -> int:
    """Measure a server: write runs of a support agent, ask for them, delete them again.

    The same workload for Runstore, LangSmith and whatever else speaks its protocol, in four new
    projects; others are not touched. A busy server is given the time it asks for; what a server
    refuses is reported with its status. Exit code 0: measured; 1: runs are missing, or the server
    could not be reached; 2: the command is wrong, or the server refuses what it begins with.

    Example: `runstore bench --target http://127.0.0.1:1984 --markdown figures.md`

    Parameters
    ----------
    project
        What the names of the projects begin with. Default: one that is new.
    keep
        Leave the projects there.
    requests_per_10s
        No more than so many requests in any 10 seconds; LangSmith takes 10 that list runs.
    json
        File for the figures as JSON.
    markdown
        File for the figures as Markdown: a section of it, put where an earlier one was.
    """
    report = _measured(workload, project, keep, requests_per_10s, connection)
    _show(report)
    _write(report, json, markdown)
    return _verdict(report)


def _measured(
    workload: Workload,
    project: str | None,
    keep: bool,
    requests_per_10s: int | None,
    connection: Connection,
) -> "Report":
    import secrets
    from datetime import UTC, datetime

    from runstore.benchmark.measuring import Plan, measure_server
    from runstore.benchmark.report import Report
    from runstore.benchmark.sender import TimedTransport
    from runstore.client.sync import Client

    _check(workload)
    target, classes = _server(connection), _classes(workload.only)
    now, token = datetime.now(UTC), secrets.token_hex(4)
    plan = Plan(
        project=project or f"runstore-bench-{now:%Y%m%d-%H%M%S}-{token}",
        token=token,
        runs=workload.runs,
        seed=workload.seed,
        connections=workload.connections,
        repeats=workload.repeat,
        classes=classes,
        keep=keep,
    )
    transport = TimedTransport(target, requests_per_10s)
    with Client(target.url, api_key=target.api_key, transport=transport) as client:
        return Report(str(target), now, measure_server(client, transport, plan, now, _tell))


def _check(workload: Workload) -> None:
    from runstore.errors import InvalidArgument
    from runstore.limits import CONNECTIONS_MAX

    for name in ("runs", "connections", "repeat"):
        value = getattr(workload, name)
        if value < 1:
            raise InvalidArgument(f"--{name}: {value} is less than 1")
    if workload.connections > CONNECTIONS_MAX:
        most = f"{workload.connections} is more than {CONNECTIONS_MAX}"
        raise InvalidArgument(f"--connections: {most}")


def _server(connection: Connection) -> "Target":
    """LangSmith's own address is not taken by default: thousands of runs would go there."""
    from runstore.client.target import DEFAULT_URL, find_target
    from runstore.errors import InvalidArgument

    target = find_target(
        connection.target, api_key=connection.api_key, workspace_id=connection.workspace
    )
    if target.folder is not None:
        raise InvalidArgument(
            f"{target} is a folder; serve it (runstore serve --data {target}) and name its URL"
        )
    if connection.target is None and target.url == DEFAULT_URL:
        raise InvalidArgument(f"say which server: --target URL; {DEFAULT_URL} has to be named too")
    return target


def _classes(only: list[str] | None) -> "tuple[QueryClass, ...]":
    from runstore.benchmark.questions import QUERY_CLASSES
    from runstore.errors import InvalidArgument

    if not only:
        return QUERY_CLASSES
    for part in only:
        if not any(part.lower() in one.name.lower() for one in QUERY_CLASSES):
            names = "; ".join(one.name for one in QUERY_CLASSES)
            raise InvalidArgument(f"--only: no class has {part!r} in its name; there are: {names}")
    parts = [part.lower() for part in only]
    return tuple(one for one in QUERY_CLASSES if any(part in one.name.lower() for part in parts))


def _tell(what: str) -> None:
    import sys

    print(what, file=sys.stderr, flush=True)


def _show(report: "Report") -> None:
    import sys

    from rich.table import Table

    from runstore.benchmark.report import HEADINGS, facts, rows
    from runstore.cli.output import console

    if not sys.stdout.isatty():
        for pair in facts(report):
            print("\t".join(pair))
        for row in (HEADINGS, *rows(report.figures)):
            print("\t".join(row))
        return
    out = console()
    for name, value in facts(report):
        out.print(f"{name:<46}{value}", markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if at else "left")
    for row in rows(report.figures):
        table.add_row(*row)
    out.print(table)


def _write(report: "Report", json: Path | None, markdown: Path | None) -> None:
    import orjson

    from runstore.benchmark.report import SECTION
    from runstore.benchmark.sections import replaced

    if json is not None:
        json.expanduser().write_bytes(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2))
    if markdown is not None:
        path = markdown.expanduser()
        text = path.read_text() if path.exists() else ""
        path.write_text(replaced(text, SECTION, report.as_markdown()).lstrip("\n"))


def _verdict(report: "Report") -> int:
    import sys

    figures = report.figures
    if figures.counted is None or figures.counted == figures.runs:
        return MEASURED
    print(f"runstore: {figures.counted:,} of {figures.runs:,} runs are there", file=sys.stderr)
    return INCOMPLETE
