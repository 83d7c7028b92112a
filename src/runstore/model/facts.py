"""A run with its feedback -> what a filter may ask of it. Knows runs; knows no filter.

Everything is found when it is first asked for: few filters look inside a payload.
"""

from collections.abc import Callable, Sequence
from typing import Any

from runstore.model.entries import Entry, Leaf, flatten
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode
from runstore.model.run import JsonText, Run
from runstore.model.words import entry_tokens, tokens

Attribute = str | int | bool | None

_READERS: dict[str, Callable[[Run], Attribute]] = {
    "id": lambda run: run.id,
    "name": lambda run: run.name,
    "run_type": lambda run: run.run_type,
    "status": lambda run: run.status,
    "error": lambda run: run.error,
    "start_time": lambda run: run.start_us,
    "end_time": lambda run: run.end_us,
    "first_token_time": lambda run: run.first_token_us,
    "latency": lambda run: run.latency_us,
    "is_root": lambda run: run.is_root,
    "trace_id": lambda run: run.trace_id,
    "parent_run_id": lambda run: run.parent_run_id,
    "dotted_order": lambda run: run.dotted_order,
    "thread_id": lambda run: run.thread_id,
    "reference_example_id": lambda run: run.reference_example_id,
    "project_id": lambda run: run.project_id,
}
TOKEN_TOTALS = ("total_tokens", "prompt_tokens", "completion_tokens")
COST_TOTALS = ("total_cost", "prompt_cost", "completion_cost")
DETAILS = (
    "prompt_token_details.",
    "completion_token_details.",
    "prompt_cost_details.",
    "completion_cost_details.",
)
ATTRIBUTES = (*_READERS, "project_name", *TOKEN_TOTALS, *COST_TOTALS)
"""Single-valued attributes but the details, which are DETAILS and a key."""


class Facts:
    """Answers about one run. `feedback` are the run's own records."""

    __slots__ = ("_entries", "_payloads", "_tokens", "feedback", "project_name", "run")

    def __init__(
        self, run: Run, feedback: Sequence[Feedback] = (), project_name: str | None = None
    ) -> None:
        self.run, self.feedback, self.project_name = run, feedback, project_name
        self._payloads: dict[str, Any] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._tokens: dict[str, set[str]] = {}

    @property
    def tags(self) -> tuple[str, ...]:
        return self.run.tags

    def attribute(self, name: str) -> Attribute:
        """Text, canonical id, bool, or a whole number of microseconds, tokens or picodollars.

        None: absent. Tokens and costs are the subtree's; tokens nobody reported are 0.
        """
        reader = _READERS.get(name)
        if reader is not None:
            return reader(self.run)
        if name == "project_name":
            return self.project_name
        if name not in TOKEN_TOTALS and name not in COST_TOTALS and not name.startswith(DETAILS):
            raise KeyError(name)
        if name in self.run.totals:
            return self.run.totals[name][0]
        return 0 if name in TOKEN_TOTALS else None

    def payload(self, family: str) -> Any:
        """The decoded JSON of inputs, outputs, extra or metadata; None if there is none."""
        if family not in self._payloads:
            if family == "metadata":
                extra = self.payload("extra")
                found = extra.get("metadata") if isinstance(extra, dict) else None
            else:
                text: JsonText | None = getattr(self.run, family)
                found = None if text is None else decode(text)
            self._payloads[family] = found
        return self._payloads[family]

    def entries(self, family: str) -> list[Entry]:
        """Every leaf of metadata, inputs, outputs or extra as (dotted path, value)."""
        if family not in self._entries:
            self._entries[family] = flatten(self.payload(family))
        return self._entries[family]

    def present(self, attribute: str) -> bool:
        """Whether it is there; inputs, outputs, metadata, extra and tags: and not empty."""
        if attribute == "tags":
            return bool(self.run.tags)
        if attribute in ("inputs", "outputs", "extra", "metadata"):
            payload = self.payload(attribute)
            return payload is not None and payload != {} and payload != []
        return self.attribute(attribute) is not None

    def tokens(self, scope: str) -> set[str]:
        """The tokens search("...") sees there; "all": everywhere."""
        if scope not in self._tokens:
            self._tokens[scope] = self._tokens_of(scope)
        return self._tokens[scope]

    def _tokens_of(self, scope: str) -> set[str]:
        if scope == "all":
            scopes = ("inputs", "outputs", "error", "name", "tags", "metadata")
            return set().union(*(self.tokens(one) for one in scopes))
        if scope == "tags":
            return set(tokens("\n".join(self.run.tags)))
        if scope in ("error", "name"):
            text = self.run.error if scope == "error" else self.run.name
            return set(tokens(text or ""))
        return entry_tokens(self.entries(scope))


def feedback_part(record: Feedback, part: str) -> Leaf | None:
    """The key, score, value, comment or source (its type) of a record; None: it has none.

    A value that is an object or a list is its JSON text, as it was sent.
    """
    if part == "key":
        return record.key
    if part == "score":
        return record.score
    if part == "comment":
        return record.comment
    if part == "value":
        return _leaf(record.value)
    if part == "source":
        source = None if record.source is None else decode(record.source)
        kind = source.get("type") if isinstance(source, dict) else None
        return kind if isinstance(kind, str) else None
    raise KeyError(part)


def _leaf(text: JsonText | None) -> Leaf | None:
    if text is None:
        return None
    value = decode(text)
    if isinstance(value, dict | list):
        return text.decode()
    leaf: Leaf | None = value
    return leaf
