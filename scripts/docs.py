"""The code's own tables -> the generated parts of docs/.

    python scripts/docs.py           rewrite them
    python scripts/docs.py --check   fail, with a diff, if a file is out of date

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from runstore import errors, limits
from runstore.errors import RunstoreError
from runstore.filter import errors as filter_errors
from runstore.filter.fields import FUNCTIONS_OF, ROWS, Kind
from runstore.filter.functions import FUNCTIONS

DOCS = Path(__file__).parents[1] / "docs"
PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LIMIT_ROW = re.compile(r"^(?P<name>[A-Z_]+) = .*?# (?P<meaning>.+)$", re.MULTILINE)
FILTER_LIMITS = (
    "FILTER_CHARS_MAX",
    "FILTER_DEPTH_MAX",
    "FILTER_LIST_ITEMS_MAX",
    "FILTER_TOKENS_MAX",
    "PATTERN_CHARS_MAX",
    "SEARCH_WORDS_MAX",
)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def code(text: str) -> str:
    return f"`{text}`"


def codes(names: tuple[str, ...]) -> str:
    return " ".join(map(code, names))


def fields() -> str:
    return table(
        ("field", "values", "meaning", "also"),
        [
            (
                code(row.name),
                row.kind.value + (f", {row.unit}" if row.unit not in ("", row.kind.value) else ""),
                row.meaning,
                codes(row.aliases),
            )
            for row in ROWS
        ],
    )


def kinds() -> str:
    """Which functions apply to which fields."""
    rows = []
    for kind in Kind:
        of_kind = [row for row in ROWS if row.kind is kind]
        searched = [row.name for row in of_kind if row.searched]
        functions = codes(FUNCTIONS_OF[kind])
        if kind is Kind.PAYLOAD:
            functions += " and `eq` `neq` with `null`"
        if searched:
            functions += f"; `search`: {codes(tuple(searched))}"
        rows.append((codes(tuple(row.name for row in of_kind)), functions))
    return table(("fields", "functions"), rows)


def functions() -> str:
    return table(
        ("function", "meaning", "also"),
        [(code(row.form), row.meaning, codes(row.aliases)) for row in FUNCTIONS],
    )


def filter_limits() -> str:
    source = Path(str(limits.__file__)).read_text(encoding="utf-8")
    meanings = {row["name"]: row["meaning"] for row in LIMIT_ROW.finditer(source)}
    return table(
        ("limit", "value", "of"),
        [(code(name), f"{getattr(limits, name):,}", meanings[name]) for name in FILTER_LIMITS],
    )


def error_codes() -> str:
    """Every error, parents first."""
    assert filter_errors.FilterError in errors.InvalidRequest.__subclasses__()
    rows = []

    def add(error: type[RunstoreError]) -> None:
        meaning = DRAWN.get(error.__name__) or MEANINGS[error.__name__]
        retry = "yes" if error.retryable else "no"
        rows.append((code(error.code), str(error.status), code(error.__name__), meaning, retry))
        for child in sorted(error.__subclasses__(), key=lambda one: (one.status, one.__name__)):
            if child.__module__ in (errors.__name__, filter_errors.__name__):
                add(child)

    add(RunstoreError)
    return table(("code", "status", "class", "meaning", "try again"), rows)


DRAWN = {  # the lines of the tree in errors.py
    found["name"]: found["meaning"].strip()
    for found in re.finditer(r"── (?P<name>\w+) +\d{3}(?P<meaning>[^\n]*)", errors.__doc__ or "")
}
MEANINGS = {  # of those the tree says no more of than their name
    "RunstoreError": "a fault of Runstore's own; its log has more under the request's id",
    "Unauthorized": "no API key, or one that is not valid",
    "NotFound": "there is no such run, project or feedback",
    "Conflict": "the name or the id is taken",
}
PARTS = {
    "fields": fields,
    "kinds": kinds,
    "functions": functions,
    "filter-limits": filter_limits,
    "error-codes": error_codes,
}


def generated(text: str) -> str:
    def part(found: re.Match[str]) -> str:
        return f"{found[1]}{PARTS[found['name']]()}{found[3]}"

    return PART.sub(part, text)


def main(arguments: list[str]) -> int:
    is_check, stale = "--check" in arguments, False
    for path in sorted(DOCS.rglob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = generated(before)
        if before == after:
            continue
        if not is_check:
            path.write_text(after, encoding="utf-8")
            print(f"rewrote {path.relative_to(DOCS.parent)}")
            continue
        stale = True
        name = str(path.relative_to(DOCS.parent))
        lines = difflib.unified_diff(
            before.splitlines(True), after.splitlines(True), name, f"{name} (generated)"
        )
        print("".join(lines), end="")
    if stale:
        print("out of date: run `python scripts/docs.py`", file=sys.stderr)
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
