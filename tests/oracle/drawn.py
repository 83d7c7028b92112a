"""Random -> filters, queries and cases over the forests of forests.py: for long runs, in which
hypothesis (tests/filter/strategies.py) would take longer to draw than both engines to answer.

The vocabulary is the same. Nothing here is shrunk by how it was drawn: smaller.py does that.
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from runstore.filter.unparse import literal
from runstore.model.query import RunQuery
from runstore.model.times import US_PER_S, text_from_us
from runstore.plan.build import RUN_FIELDS
from runstore.plan.plan import EXTRA_FIELDS
from tests.filter import strategies as words
from tests.filter.strategies import EQUALITY, ORDER, TEXTUAL, call
from tests.oracle.cases import LAWS, Case
from tests.oracle.forests import LONG, ODD_KEYS, PROJECT_IDS
from tests.oracle.strategies import MISSING

PLAIN = ("walk",) * 8 + ("stats", "count")
LAW_ONE_IN = 20
LEAVES_MAX = 6
TEXTS = {  # attribute: its values
    "name": words.NAMES,
    "run_type": words.RUN_TYPES,
    "status": words.STATUSES,
    "error": words.ERRORS,
    "thread_id": words.THREADS,
    "session_name": words.PROJECTS,
}
ID_FIELDS = ("id", "trace_id", "parent_run_id", "reference_example_id", "session_id")
TIMES = ("start_time", "end_time", "first_token_time")
TOKENS = ("total_tokens", "prompt_tokens", "completion_tokens")
COSTS = ("total_cost", "prompt_cost", "completion_cost")
SECONDS = ('"500ms"', '"2.5s"', '"1m"', '"0.0000005s"', '"1"', "1e300")
COST_TEXTS = ("0", "0.0000375", "1", '"1e-12"', "1e-13", "5e-13", "-1", "1e300")
ERRORS_TRUE = ("eq(error, true)", "neq(error, true)", "eq(error, false)")
SCOPES = ("inputs", "outputs", "error", "name", "tags", "metadata")
PAYLOADS = ("metadata", "inputs", "outputs", "extra")
FAMILIES = ("metadata", "input", "output", "feedback")
FEEDBACK_VALUES: dict[str, tuple[Any, ...]] = {
    "feedback_score": words.SCORES,
    "feedback_value": words.VALUES,
    "feedback_comment": words.COMMENTS,
    "feedback_source": words.SOURCES,
}
RARE = (LONG, f"{LONG}v", f"{LONG}x", "w" * 199, "k" * 251, *ODD_KEYS)  # cut where they are indexed
RARE_OFTEN = 0.06
GROUPS = (None, "name", "run_type", "tag", "metadata")


class Drawer:
    """`more`: texts beside the usual ones, that the forest has too."""

    def __init__(self, random: Random, more: tuple[str, ...] = ()) -> None:
        self.random, self.more = random, more
        self.kinds: tuple[Callable[[], str], ...] = (
            self._attribute, self._attribute, self._entries, self._path, self._tags, self._search,
        )  # fmt: skip

    def case(self) -> Case:
        random = self.random
        check = random.choice(LAWS if random.randrange(LAW_ONE_IN) == 0 else PLAIN)
        text = self.filter(3) if check.endswith("filter") else ""
        select = self._select() if check == "select" else frozenset[str]()
        group = random.choice(GROUPS) if check == "stats" else None
        return Case(check, self.query(), text, select, random.random() < 0.5, group)

    def query(self) -> RunQuery:
        """One restriction or two besides filters, often none: more leave no run to compare."""
        random = self.random
        said: dict[str, Any] = {
            "limit": random.choice((1, 2, 3, 7, 100)),
            "descending": random.random() < 0.5,
            "project_ids": PROJECT_IDS,
        }
        if random.random() < 0.17:
            projects = (None, PROJECT_IDS[:1], PROJECT_IDS, (*PROJECT_IDS, MISSING), (MISSING,), ())
            said["project_ids"] = random.choice(projects)
        for name, often in (("filter", 0.7), ("trace_filter", 0.17), ("tree_filter", 0.17)):
            if random.random() < often:
                said[name] = self.filter()
        for often in (0.33, 0.17):
            if random.random() < often:
                said.update([self._restriction()])
        if random.random() < 0.33:
            said["select"] = self._select()
        return RunQuery(**said)

    def filter(self, leaves: int = LEAVES_MAX) -> str:
        random = self.random
        roll = random.random()
        if leaves == 1 or roll < 0.4:
            return random.choice(self.kinds)()
        if roll < 0.55:
            return call("not", self.filter(leaves))
        count = random.randint(1, min(3, leaves))
        return call(
            random.choice(("and", "or")), *(self.filter(leaves // count) for _ in range(count))
        )

    def _select(self) -> frozenset[str]:
        names = sorted(RUN_FIELDS | EXTRA_FIELDS)
        return frozenset(self.random.sample(names, self.random.choice((0, 1, 2, 5, len(names)))))

    def _restriction(self) -> tuple[str, Any]:
        random, ids = self.random, (*words.IDS, MISSING)
        some_ids = tuple(random.choices(ids, k=random.randint(0, 6)))
        return random.choice(
            (
                ("is_root", random.random() < 0.5),
                ("has_error", random.random() < 0.5),
                ("run_type", random.choice(words.RUN_TYPES)),
                ("ids", some_ids),
                ("trace_id", random.choice(ids)),
                ("parent_run_id", random.choice(ids)),
                ("reference_example_ids", some_ids),
                ("start_min_us", random.choice(words.STARTS_US)),
                ("end_max_us", random.choice(words.STARTS_US)),
                ("search_filter", self.filter(3)),
                ("query", self._word() if random.random() < 0.5 else "agent"),
            )
        )

    # Conditions.

    def _of(self, values: Sequence[Any]) -> str:
        return literal(self.random.choice(values))

    def _text_of(self, values: tuple[Any, ...]) -> str:
        """Of these or, where the forest has others, often of those."""
        if self.random.random() < RARE_OFTEN:
            return self._of(RARE)
        return self._of(self.more if self.more and self.random.random() < 0.5 else values)

    def _comparison(
        self,
        field: str,
        value: Callable[[], str],
        *,
        ordered: bool = False,
        textual: bool = False,
        null: bool = True,
        null_in_lists: bool = True,
    ) -> str:
        """Some function that applies to such a field."""
        random = self.random
        kind = random.randrange(6 if textual else 4)
        if kind == 0:
            items = [value() for _ in range(random.randint(0, 3))]
            if null and null_in_lists and random.random() < 0.3:
                items.append("null")
            return call(random.choice(("in", "nin")), field, f"[{', '.join(items)}]")
        if kind == 1 and random.random() < 0.3:
            return call("exists", field)
        if kind == 1 and null and random.random() < 0.5:
            return call(random.choice(EQUALITY), field, "null")
        if kind == 4:
            return call(random.choice(TEXTUAL[:2]), field, literal(self._pattern()))
        if kind == 5:
            return call("regex", field, self._of(words.REGEXES))
        return call(random.choice(EQUALITY + (ORDER if ordered else ())), field, value())

    def _pattern(self) -> str:
        random = self.random
        if not self.more or random.random() < 0.5:
            return random.choice(words.PATTERNS)
        text = random.choice(self.more)
        start = random.randrange(len(text) + 1)
        return "%" * (random.random() < 0.7) + text[start : start + 3] + "%" * (start % 2)

    def _word(self) -> str:
        if self.more and self.random.random() < 0.5:
            text = self.random.choice([text for text in self.more if any(map(str.isalnum, text))])
            return text if self.random.random() < 0.5 else f"{text} v"
        if self.random.random() < RARE_OFTEN:
            return self.random.choice(RARE[:4])
        return self.random.choice(words.SEARCHES)

    def _attribute(self) -> str:
        random = self.random
        kind = random.randrange(8)
        if kind < 2:
            name = random.choice(tuple(TEXTS))
            values = TEXTS[name]
            if name in ("name", "error"):
                return self._comparison(
                    name, lambda: self._text_of(values), ordered=True, textual=True
                )
            return self._comparison(name, lambda: self._of(values), ordered=True, textual=True)
        if kind == 2:
            if random.random() < 0.5:
                return random.choice(ERRORS_TRUE)
            return call(
                random.choice(EQUALITY), "is_root", random.choice(("true", "false", "1", "0"))
            )
        if kind == 3:
            ids = (*words.IDS, *words.IDS, "no id", words.IDS[0].upper())
            return self._comparison(random.choice(ID_FIELDS), lambda: self._of(ids))
        if kind == 4:
            return self._comparison(
                random.choice(TIMES),
                lambda: literal(text_from_us(random.choice(words.STARTS_US))),
                ordered=True,
            )
        if kind == 5:
            return self._comparison("latency", self._seconds, ordered=True)
        return self._counter()

    def _seconds(self) -> str:
        if self.random.random() < 0.5:
            return self.random.choice(SECONDS)
        return literal(self.random.choice(words.LATENCIES_US) / US_PER_S)

    def _counter(self) -> str:
        random = self.random
        is_cost = random.random() < 0.4
        name = random.choice(COSTS if is_cost else TOKENS)
        if random.random() < 0.4:
            kind = random.choice(("prompt", "completion"))
            details = f"{kind}_{'cost' if is_cost else 'token'}_details"
            name = f"{details}.{random.choice(words.DETAILS)}"

        def value() -> str:
            if is_cost:
                return random.choice(COST_TEXTS)
            if random.random() < 0.2:
                return random.choice(("2.5", '"10"', "-1", "1e300"))
            return self._of(words.TOKEN_COUNTS)

        return self._comparison(name, value, ordered=True)

    def _key_test(self, family: str) -> str:
        keys = words.FEEDBACK_KEYS if family == "feedback" else words.KEYS
        if self.random.random() < 0.2:
            return call("has", f"{family}_key", self._text_of(keys))
        return self._comparison(
            f"{family}_key", lambda: self._text_of(keys), textual=True, null=False
        )

    def _value_test(self, family: str) -> str:
        random = self.random
        if family == "feedback":
            name = random.choice(tuple(FEEDBACK_VALUES))
            is_score = name == "feedback_score"
            return self._comparison(
                name,
                lambda: self._of(FEEDBACK_VALUES[name]),
                ordered=is_score,
                textual=not is_score,
                null_in_lists=False,
            )
        if random.random() < 0.3:
            return call(random.choice(ORDER), f"{family}_value", self._of(words.NUMBERS))
        return self._comparison(
            f"{family}_value", lambda: self._text_of(words.VALUES), textual=True, null=False
        )

    def _entries(self) -> str:
        """Tests on entries: alone, and several under one `and`."""
        random, family = self.random, self.random.choice(FAMILIES)
        kinds = (self._key_test, self._value_test)
        roll = random.random()
        if roll < 0.4:
            return random.choice(kinds)(family)
        if roll < 0.8:
            return call("and", *(kind(family) for kind in kinds))
        return call("and", *(random.choice(kinds)(family) for _ in range(random.randint(2, 4))))

    def _path(self) -> str:
        """metadata.k, feedback.k, and payloads as a whole."""
        random = self.random
        base, key, roll = random.choice(PAYLOADS), self._text_of(words.KEYS), random.random()
        if roll < 0.5:
            return self._comparison(
                f"{base}.{key}", lambda: self._text_of(words.VALUES), textual=True
            )
        if roll < 0.6:
            return call(random.choice(ORDER), f"{base}.{key}", self._of(words.NUMBERS))
        if roll < 0.75:
            field = f"feedback.{self._of(words.FEEDBACK_KEYS)}"
            return self._comparison(field, lambda: self._of(words.SCORES), ordered=True)
        if roll < 0.8:
            return call(random.choice(TEXTUAL[:2]), base, literal(self._pattern()))
        if roll < 0.85:
            return call("regex", base, self._of(words.REGEXES))
        if roll < 0.9:
            return random.choice(
                (call("exists", base), call(random.choice(EQUALITY), base, "null"))
            )
        if roll < 0.95:
            return call(random.choice(("has", "exists")), base, key)
        leaves = {random.choice(words.KEYS): random.choice(words.VALUES) for _ in range(2)}
        return call("has", base, literal(json.dumps(leaves)))

    def _tags(self) -> str:
        if self.random.random() < 0.2:
            return call("has", "tags", self._text_of(words.TAGS))
        return self._comparison("tags", lambda: self._text_of(words.TAGS), textual=True)

    def _search(self) -> str:
        scope = [self.random.choice(SCOPES)] if self.random.random() < 0.5 else []
        return call("search", *scope, literal(self._word()))
