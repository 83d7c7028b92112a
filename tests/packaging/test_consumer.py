"""The types of the installed package, as another program sees them."""

import subprocess
import sys
from pathlib import Path

import pytest

CONSUMER = Path(__file__).with_name("consumer.py.txt").read_text()


def mypy(installed: Path, folder: Path, code: str) -> str:
    (folder / "consumer.py").write_text(code)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty"),
            *("--config-file", "", "--cache-dir", str(installed.parents[1] / "mypy")),
            *("--python-executable", str(installed), "consumer.py"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.timeout(120)
def test_a_program_that_uses_it_is_strictly_typed(installed: Path, tmp_path: Path) -> None:
    assert mypy(installed, tmp_path, CONSUMER) == ""


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "wrong, said",
    [
        ('client.list_runs(project_nam="p")', 'Unexpected keyword argument "project_nam"'),
        ('client.list_runs(project_name="p", limit="5")', 'incompatible type "str"'),
        ('client.create_run("n", {}, "llm", output={})', 'Unexpected keyword argument "output"'),
        ('client.update_feedback("x", scores=1)', 'Unexpected keyword argument "scores"'),
        ("client.list_runs(run_ids=[]).first().name", 'has no attribute "name"'),
    ],
)
def test_mistakes_are_seen_before_the_program_runs(
    installed: Path, tmp_path: Path, wrong: str, said: str
) -> None:
    code = f'from runstore import Client\n\nclient = Client("http://h")\n{wrong}\n'
    assert said in mypy(installed, tmp_path, code)
