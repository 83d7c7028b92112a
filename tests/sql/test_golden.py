"""The SQL of every kind of filter and of every way of reading, as it stands in tests/golden."""

from collections.abc import Callable, Iterator

import pytest

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.migrate import migrate
from runstore.sql.sqlite.codec import Codec
from runstore.sql.sqlite.select import Statement
from tests.sql.cases import DRIVERS, FILTERS, asked, not_asked, walk
from tests.sql.golden import FOLDER, check_golden, shown, slug


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = tmp_path_factory.mktemp("golden") / "runs.db"
    writer = Connection(path, Codec(), read_only=False)
    migrate(writer.raw, "golden")
    yield writer
    writer.close()


@pytest.mark.parametrize("name, text", FILTERS, ids=[slug(name) for name, _ in FILTERS])
def test_a_filter_becomes_the_sql_on_record(name: str, text: str) -> None:
    indexed, plain = walk(text, asked), walk(text, not_asked)
    parts = [f"-- {text}\n", shown(indexed)]
    if shown(plain) != shown(indexed):
        parts += ["\n-- Without the inverted index:\n", shown(plain)]
    check_golden(f"filter {name}", "".join(parts))


@pytest.mark.parametrize("name, make", DRIVERS, ids=[slug(name) for name, _ in DRIVERS])
def test_a_way_of_reading_is_the_sql_on_record(name: str, make: Callable[[], Statement]) -> None:
    check_golden(name, shown(make()))


STATEMENTS = [
    *[(f"{name}, indexed", walk(text, asked)) for name, text in FILTERS],
    *[(f"{name}, plain", walk(text, not_asked)) for name, text in FILTERS],
    *[(name, make()) for name, make in DRIVERS],
]


@pytest.mark.parametrize("name, statement", STATEMENTS, ids=[slug(name) for name, _ in STATEMENTS])
def test_the_sql_is_sql(database: Connection, name: str, statement: Statement) -> None:
    with database.snapshot():
        assert isinstance(database.all(statement), list)


def test_the_golden_folder_holds_nothing_else() -> None:
    names = [f"filter {name}" for name, _ in FILTERS] + [name for name, _ in DRIVERS]
    assert sorted(slug(name) + ".sql" for name in names) == sorted(
        path.name for path in FOLDER.iterdir()
    )
