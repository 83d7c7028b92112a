"""A case that fails -> a smaller one that fails too: fewer restrictions, shorter filters."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from runstore.filter.parse import parse
from runstore.filter.syntax import Arg, Call, List
from runstore.model.query import RunQuery
from tests.oracle.cases import Case

FILTERS = ("filter", "trace_filter", "tree_filter", "search_filter")
KEPT = ("limit", "descending", "project_ids")  # less of these is not simpler
TRIES_MAX = 500


def smallest(case: Case, is_wrong: Callable[[Case], bool]) -> Case:
    """Ends where nothing can be left out, or after TRIES_MAX."""
    left, shorter = TRIES_MAX, True
    while shorter:
        shorter = False
        for smaller in smaller_cases(case):
            left -= 1
            if left < 0:
                return case
            if is_wrong(smaller):
                case, shorter = smaller, True
                break
    return case


def smaller_cases(case: Case) -> Iterator[Case]:
    if case.low:
        yield replace(case, low=False)
    for field in fields(RunQuery):
        value = getattr(case.query, field.name)
        if value is not None and value != field.default and field.name not in KEPT:
            yield _with(case, field.name, field.default)
    for name in FILTERS:
        for text in smaller_texts(getattr(case.query, name) or ""):
            yield _with(case, name, text)
    for text in smaller_texts(case.text):
        yield replace(case, text=text)
    for one in sorted(case.select):
        yield replace(case, select=case.select - {one})
    select = case.query.select or frozenset()
    for one in sorted(select):
        yield _with(case, "select", select - {one})


def _with(case: Case, name: str, value: Any) -> Case:
    """The same case, this restriction of its query changed."""
    return replace(case, query=replace(case.query, **{name: value}))


def smaller_texts(text: str) -> Iterator[str]:
    """The same filter with one of its and, or, not gone, or one of their terms, or of a list."""
    waiting: list[Arg] = [parse(text)] if text else []
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, Call):
            if isinstance(node, List):
                for item in node.items:
                    rest = [one.text for one in node.items if one is not item]
                    yield f"{text[: node.at.start]}[{', '.join(rest)}]{text[node.at.end :]}"
            continue
        waiting += node.args
        if node.function not in ("and", "or", "not"):
            continue
        head, tail = text[: node.at.start], text[node.at.end :]
        terms = [text[term.at.start : term.at.end] for term in node.args]
        for term in terms:
            yield head + term + tail
        for left_out in range(len(terms) if len(terms) > 2 else 0):
            rest = terms[:left_out] + terms[left_out + 1 :]
            yield f"{head}{node.function}({', '.join(rest)}){tail}"
