"""The size check sees what is too large, and keeps its ratchet honest."""

from pathlib import Path

import pytest
from scripts.sizes import FUNCTION_LINES_MAX, MODULE_LINES_MAX, check, sizes


@pytest.mark.parametrize(
    ("found", "ratchet", "says"),
    [
        pytest.param({"a.py": MODULE_LINES_MAX}, {}, None, id="a module at the bound"),
        pytest.param({"a.py": MODULE_LINES_MAX + 1}, {}, "a.py has 401", id="a module past it"),
        pytest.param({"a.py:f": FUNCTION_LINES_MAX}, {}, None, id="a function at the bound"),
        pytest.param({"a.py:f": FUNCTION_LINES_MAX + 1}, {}, "f has 61", id="a function past it"),
        pytest.param({"a.py": 500}, {"a.py": 500}, None, id="what the ratchet allows"),
        pytest.param({"a.py": 501}, {"a.py": 500}, "at most 500", id="more than that"),
        pytest.param({"a.py": 450}, {"a.py": 500}, "lower its entry", id="less than that"),
        pytest.param({}, {"a.py": 500}, "not in the code", id="an entry for nothing"),
    ],
)
def test_a_size_is(found: dict[str, int], ratchet: dict[str, int], says: str | None) -> None:
    problems = check(found, ratchet)
    assert len(problems) == (says is not None)
    assert says is None or says in problems[0]


def test_functions_are_measured_with_decorators_wherever_they_stand(tmp_path: Path) -> None:
    module = tmp_path / "src" / "a.py"
    module.parent.mkdir()
    module.write_text(
        "class C:\n    @property\n    def f(self):\n        return 1\n\n\n"
        "def outer():\n    async def inner():\n        pass\n    return inner\n"
    )
    assert sizes(tmp_path) == {
        "src/a.py": 10,
        "src/a.py:C.f": 3,
        "src/a.py:outer": 4,
        "src/a.py:outer.inner": 2,
    }
