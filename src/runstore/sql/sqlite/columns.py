"""Attribute of a filter -> column expression. `{r}` stands for the alias of runs."""

from typing import Literal, NamedTuple

Kind = Literal["text", "uuid", "int", "bool"]

PRESENT_BITS = {"inputs": 1, "outputs": 2, "extra": 4, "metadata": 8}
"""Payloads that are there and not empty: bits of runs.present."""

DETAIL_PREFIXES = (
    "prompt_token_details.",
    "completion_token_details.",
    "prompt_cost_details.",
    "completion_cost_details.",
)


class Column(NamedTuple):
    sql: str
    kind: Kind


# fmt: off
COLUMNS: dict[str, Column] = {
    "id":                   Column("{r}.id", "uuid"),
    "trace_id":             Column("{r}.trace_id", "uuid"),
    "parent_run_id":        Column("{r}.parent_id", "uuid"),
    "reference_example_id": Column("{r}.reference_example_id", "uuid"),
    "project_id":           Column("(SELECT id FROM projects WHERE pid = {r}.pid)", "uuid"),
    "project_name":         Column("(SELECT name FROM projects WHERE pid = {r}.pid)", "text"),
    "is_root":              Column("{r}.is_root", "bool"),
    "name":                 Column("{r}.name", "text"),
    "run_type":             Column("{r}.run_type", "text"),
    "status":               Column("{r}.status", "text"),
    "error":                Column("{r}.error", "text"),
    "thread_id":            Column("{r}.thread_id", "text"),
    "dotted_order":         Column("{r}.dotted_order", "text"),
    "start_time":           Column("{r}.start_us", "int"),
    "end_time":             Column("({r}.start_us + {r}.latency_us)", "int"),  # both in runs_time
    "first_token_time":     Column("{r}.first_token_us", "int"),
    "latency":              Column("{r}.latency_us", "int"),
    "prompt_tokens":        Column("{r}.prompt_tokens", "int"),
    "completion_tokens":    Column("{r}.completion_tokens", "int"),
    "total_tokens":         Column("{r}.total_tokens", "int"),
    "prompt_cost":          Column("{r}.prompt_cost", "int"),
    "completion_cost":      Column("{r}.completion_cost", "int"),
    "total_cost":           Column("{r}.total_cost", "int"),
}
# fmt: on

ANSWERED_BY_RUNS_TIME = frozenset(
    ("start_time", "end_time", "latency", "total_tokens", "total_cost", "run_type", "status")
) | {"is_root"}
"""Attributes a walk in order of start tests on the index alone."""

ZONE_MAXIMA = {
    "latency": "latency_max_us",
    "total_tokens": "tokens_max",
    "total_cost": "cost_max",
}
"""Attributes of which zones know the largest value."""

PAYLOAD = "unpack((SELECT {column} FROM payloads WHERE rid = {r}.rid))"
"""A run's payload as JSON; `unpack` is a function the engine registers."""
