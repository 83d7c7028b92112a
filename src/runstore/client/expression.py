"""Filters written in Python -> filter text. Knows the language's forms; the server checks the rest.

    F.latency > 5                         gt(latency, 5)
    F.tags.has("a") & ~F.error.exists()   and(has(tags, "a"), not(exists(error)))
    F.metadata["env"] == "dev"            and(eq(metadata_key, "env"), eq(metadata_value, "dev"))
    F.feedback["score"] >= 1              and(eq(feedback_key, "score"), gte(feedback_score, 1))

Keys are said in pairs, which LangSmith understands too. Each pair has an `and` of its own, so that
what is joined by & speaks about entries of their own: an expression means what its parts mean.
"""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

from runstore.client.literals import Value, bound, key_text, listed, literal, text_literal


class Expression:
    """A condition on runs. `str()` is its text; joined by `&`, `|` and turned round by `~`."""

    __slots__ = ("_joint", "_terms", "_text")

    def __init__(self, text: str) -> None:
        """Any filter text: it is checked by the server."""
        self._text = text
        self._joint = ""  # "and" or "or" of _terms
        self._terms: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Expression {self._text}>"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Expression) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __and__(self, other: "Expression") -> "Expression":
        return self._join("and", other) if isinstance(other, Expression) else NotImplemented

    def __or__(self, other: "Expression") -> "Expression":
        return self._join("or", other) if isinstance(other, Expression) else NotImplemented

    def __invert__(self) -> "Expression":
        if self._joint == "not":
            return Expression(self._terms[0])
        turned = Expression(f"not({self._text})")
        turned._joint, turned._terms = "not", (self._text,)
        return turned

    def __bool__(self) -> bool:
        raise TypeError(
            "a filter has no truth here: write & | ~ for and, or, not, with brackets round each "
            "side, and (low < F.x) & (F.x < high) for low < F.x < high"
        )

    def _join(self, joint: str, other: "Expression") -> "Expression":
        terms = tuple(
            term
            for side in (self, other)
            for term in (side._terms if side._joint == joint else (_alone(side._text, joint),))
        )
        joined = Expression(f"{joint}({', '.join(terms)})")
        joined._joint, joined._terms = joint, terms
        return joined


_PARTS = ("metadata_", "input_", "output_", "feedback_")


def _alone(text: str, joint: str) -> str:
    """A test of an entry's part that must not be read together with its neighbours."""
    _, _, named = text.partition("(")
    is_part = named.startswith(_PARTS) and not text.startswith(("and(", "or(", "not("))
    return f"and({text})" if joint == "and" and is_part else text


class Attribute:
    """One attribute of a run, such as F.latency. Comparing it gives an Expression."""

    __slots__ = ("_name",)
    __hash__ = None  # type: ignore[assignment]  # == does not compare, but makes an expression

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<F {self._name}>"

    def _test(self, function: str, value: str) -> Expression:
        """`value` is text of the language."""
        return Expression(f"{function}({self._name}, {value})")

    def __eq__(self, value: Value) -> Expression:  # type: ignore[override]
        """None: it is absent."""
        return self.is_null() if value is None else self._test("eq", literal(value))

    def __ne__(self, value: Value) -> Expression:  # type: ignore[override]
        """There, and another. None: it is there."""
        return self.exists() if value is None else self._test("neq", literal(value))

    def __gt__(self, value: Value) -> Expression:
        return self._test("gt", bound(value))

    def __ge__(self, value: Value) -> Expression:
        return self._test("gte", bound(value))

    def __lt__(self, value: Value) -> Expression:
        return self._test("lt", bound(value))

    def __le__(self, value: Value) -> Expression:
        return self._test("lte", bound(value))

    def in_(self, values: Iterable[Value]) -> Expression:
        """Equal to one of these; None among them: or absent."""
        found = listed(values)
        if "null" not in found:
            return self._test("in", f"[{', '.join(found)}]")
        given = [one for one in found if one != "null"]
        return self._test("in", f"[{', '.join(given)}]") | self.is_null()

    def not_in(self, values: Iterable[Value]) -> Expression:
        """There, and equal to none of these."""
        given = [one for one in listed(values) if one != "null"]
        return self._test("nin", f"[{', '.join(given)}]")

    def like(self, pattern: str) -> Expression:
        """% is any text, _ one character, whatever the case; without either: contains."""
        return self._test("like", text_literal(pattern))

    def not_like(self, pattern: str) -> Expression:
        return self._test("notlike", text_literal(pattern))

    def regex(self, pattern: str) -> Expression:
        """The RE2 pattern is found in it."""
        return self._test("regex", text_literal(pattern))

    def search(self, words: str) -> Expression:
        """Full text: every word is the beginning of some word in it, in any order."""
        return Expression(f"search({self._name}, {text_literal(words)})")

    def exists(self) -> Expression:
        return Expression(f"exists({self._name})")

    def is_null(self) -> Expression:
        return Expression(f"eq({self._name}, null)")

    def __bool__(self) -> bool:
        raise TypeError(f"F.{self._name} has no truth here: compare it, F.{self._name} == ...")

    def __and__(self, other: object) -> NoReturn:
        raise TypeError(
            f"F.{self._name} is no condition: compare it, in brackets: (F.{self._name} == ...)"
        )

    __or__ = __rand__ = __ror__ = __and__

    def __invert__(self) -> NoReturn:
        raise TypeError(f"F.{self._name} is no condition: compare it, ~(F.{self._name} == ...)")

    def __contains__(self, value: object) -> bool:
        raise TypeError(f"write F.{self._name}.has(...) for `in`, or .like(...) for a part of text")


class Tags(Attribute):
    """F.tags."""

    __slots__ = ()

    def has(self, tag: str) -> Expression:
        return self._test("has", text_literal(tag))

    def is_null(self) -> Expression:
        return ~self.exists()


class Payload(Attribute):
    """F.inputs, F.outputs, F.metadata, F.extra: as a whole, or by key."""

    __slots__ = ("_entry",)

    def __init__(self, name: str, entry: str = "") -> None:
        """`entry` is what its pairs are called by: metadata for metadata_key, metadata_value."""
        super().__init__(name)
        self._entry = entry

    def __getitem__(self, key: str) -> Attribute:
        """A value at a key, or below several: "plan.tier". Positions in lists do not count."""
        if not self._entry:
            return Attribute(f"{self._name}.{key_text(key)}")
        return Entry(self._name, self._entry, key)

    def has(self, part: str | Mapping[str, Any]) -> Expression:
        """It has this key; or every leaf of this object."""
        if isinstance(part, str):
            return self._test("has", literal(part))
        return self._test("has", literal(json.dumps(dict(part), ensure_ascii=False)))


class Entry(Attribute):
    """F.metadata["key"]: what lies under the key, said as a pair of key and value."""

    __slots__ = ("_entry", "_key", "_payload")

    def __init__(self, payload: str, entry: str, key: str) -> None:
        super().__init__(f"{payload}.{key_text(key)}")
        self._payload, self._entry, self._key = payload, entry, key

    def _test(self, function: str, value: str) -> Expression:
        key = f"eq({self._entry}_key, {literal(self._key)})"
        return Expression(f"and({key}, {function}({self._entry}_value, {value}))")

    def search(self, words: str) -> Expression:
        raise TypeError(f"search looks at all of {self._payload}: F.{self._payload}.search(...)")

    def exists(self) -> Expression:
        return Expression(f"exists({self._payload}, {literal(self._key)})")

    def is_null(self) -> Expression:
        return ~self.exists()


class Details(Attribute):
    """F.prompt_token_details["cache_read"] and its kin."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Attribute:
        return Attribute(f"{self._name}.{key_text(key)}")

    def _test(self, function: str, value: str) -> NoReturn:
        raise TypeError(f'name the detail: F.{self._name}["cache_read"] > 0')

    def exists(self) -> NoReturn:
        self._test("", "")

    is_null = exists


class Record(Attribute):
    """F.feedback["key"], and its .score, .value, .comment, .source: of one and the same record."""

    __slots__ = ("_key", "_part")

    def __init__(self, key: str, part: str = "score") -> None:
        super().__init__(f"feedback.{key_text(key)}")
        self._key, self._part = key, part

    @property
    def score(self) -> Attribute:
        """A number. F.feedback["key"] itself is compared by it."""
        return RecordPart(self._key, "score")

    @property
    def value(self) -> Attribute:
        return RecordPart(self._key, "value")

    @property
    def comment(self) -> Attribute:
        return RecordPart(self._key, "comment")

    @property
    def source(self) -> Attribute:
        """ "api", "app" or "model"."""
        return RecordPart(self._key, "source")

    def _test(self, function: str, value: str) -> Expression:
        key = f"eq(feedback_key, {literal(self._key)})"
        return Expression(f"and({key}, {function}(feedback_{self._part}, {value}))")

    def exists(self) -> Expression:
        """There is a record with this key."""
        return Expression(f"eq(feedback_key, {literal(self._key)})")

    def is_null(self) -> Expression:
        return Expression(f"neq(feedback_key, {literal(self._key)})")

    def search(self, words: str) -> NoReturn:
        raise TypeError("search does not look at feedback; .comment.like(...) does")


class RecordPart(Record):
    """One part of the records with a key."""

    __slots__ = ()

    def exists(self) -> Expression:
        """A record with the key has this part."""
        key = f"eq(feedback_key, {literal(self._key)})"
        return Expression(f"and({key}, exists(feedback_{self._part}))")

    def is_null(self) -> Expression:
        """No record with the key has it."""
        return ~self.exists()


class FeedbackRecords:
    """F.feedback."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Record:
        return Record(key)

    def __repr__(self) -> str:
        return "<F feedback>"


class Fields:
    """The attributes of a run that a filter may name, as docs/filter-language.md lists them."""

    id = Attribute("id")
    name = Attribute("name")
    run_type = Attribute("run_type")
    status = Attribute("status")
    error = Attribute("error")
    start_time = Attribute("start_time")
    end_time = Attribute("end_time")
    first_token_time = Attribute("first_token_time")
    latency = Attribute("latency")
    total_tokens = Attribute("total_tokens")
    prompt_tokens = Attribute("prompt_tokens")
    completion_tokens = Attribute("completion_tokens")
    total_cost = Attribute("total_cost")
    prompt_cost = Attribute("prompt_cost")
    completion_cost = Attribute("completion_cost")
    prompt_token_details = Details("prompt_token_details")
    completion_token_details = Details("completion_token_details")
    prompt_cost_details = Details("prompt_cost_details")
    completion_cost_details = Details("completion_cost_details")
    tags = Tags("tags")
    metadata = Payload("metadata", "metadata")
    metadata_key = Attribute("metadata_key")
    metadata_value = Attribute("metadata_value")
    inputs = Payload("inputs", "input")
    input_key = Attribute("input_key")
    input_value = Attribute("input_value")
    outputs = Payload("outputs", "output")
    output_key = Attribute("output_key")
    output_value = Attribute("output_value")
    extra = Payload("extra")
    feedback = FeedbackRecords()
    feedback_key = Attribute("feedback_key")
    feedback_score = Attribute("feedback_score")
    feedback_value = Attribute("feedback_value")
    feedback_comment = Attribute("feedback_comment")
    feedback_source = Attribute("feedback_source")
    is_root = Attribute("is_root")
    trace_id = Attribute("trace_id")
    parent_run_id = Attribute("parent_run_id")
    dotted_order = Attribute("dotted_order")
    thread_id = Attribute("thread_id")
    reference_example_id = Attribute("reference_example_id")
    session_id = Attribute("session_id")
    session_name = Attribute("session_name")
    project_id = Attribute("session_id")
    project_name = Attribute("session_name")

    __slots__ = ()

    @staticmethod
    def search(words: str) -> Expression:
        """Full text in inputs, outputs, error, name, tags and metadata."""
        return Expression(f"search({text_literal(words)})")

    def __getattr__(self, name: str) -> NoReturn:
        known = [one for one in dir(type(self)) if not one.startswith("_")]
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean F.{near[0]}?" if near else f"there are {', '.join(known)}"
        raise AttributeError(f"a run has no attribute {name!r} to filter by; {hint}")

    def __repr__(self) -> str:
        return "F"


F = Fields()
"""`F.name == "agent"`: where every filter begins."""
