"""Compares text with a file under tests/golden; RUNSTORE_GOLDEN=write rewrites the file."""

import os
import re
from pathlib import Path

from runstore.sql.sqlite.select import Statement

FOLDER = Path(__file__).parent.parent / "golden" / "sql"


def check_golden(name: str, text: str) -> None:
    """`name` is a sentence; its words name the file."""
    path = FOLDER / (slug(name) + ".sql")
    if os.environ.get("RUNSTORE_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.exists(), f"{path.name} is missing: `make golden` writes it"
    assert text == path.read_text("utf-8"), f"not as in {path.name}: `make golden`, and review"


def slug(name: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))


def shown(statement: Statement) -> str:
    """The statement and what is bound to it, for people."""
    lines = [f"{statement.text};"]
    lines += [f"-- :{name} = {_value(value)}" for name, value in statement.values.items()]
    if statement.tests:
        lines.append(f"-- tests in Python: {len(statement.tests)}")
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)
