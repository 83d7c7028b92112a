"""docs/frames.md lists the columns that frames have."""

from pathlib import Path

from runstore.client.frames import COLUMNS, arrow_schema
from tests.docs.test_reference import rows

FRAMES = (Path(__file__).parents[2] / "docs/frames.md").read_text()


def test_every_column_is_listed_with_its_type_and_no_other() -> None:
    schema = arrow_schema([column.field for column in COLUMNS])
    listed = [row[:4] for row in rows(FRAMES)[1:]]
    want = []
    for column in COLUMNS:
        kind = str(schema.field(column.name).type).replace("<item: string>", "<string>")
        if column.kind in ("json", "metadata"):
            kind += " (JSON)"
        default = "yes" if column.by_default else "no"
        want.append([f"`{column.name}`", kind, f"`{column.field}`", default])
    assert listed == want
