"""The types of the installed package, as another program sees them."""

import subprocess
import sys
from pathlib import Path

import pytest

CONSUMER = Path(__file__).with_name("consumer.py.txt").read_text()


MISTAKES = {
    'client.list_runs(project_nam="p")': 'Unexpected keyword argument "project_nam"',
    'client.list_runs(project_name="p", limit="5")': 'incompatible type "str"',
    'client.create_run("n", {}, "llm", output={})': 'Unexpected keyword argument "output"',
    'client.update_feedback("x", scores=1)': 'Unexpected keyword argument "scores"',
    "client.list_runs(run_ids=[]).first().name": 'has no attribute "name"',
}


@pytest.fixture(scope="module")
def said(installed_alone: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says, a line each, of a program that is right and of one that is not."""
    folder = tmp_path_factory.mktemp("consumer")
    (folder / "right.py").write_text(CONSUMER)
    head = ["from runstore import Client", "", 'client = Client("http://h")']
    (folder / "wrong.py").write_text("\n".join([*head, *MISTAKES, ""]))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty"),
            *("--config-file", "", "--cache-dir", str(folder / "mypy")),
            *("--python-executable", str(installed_alone), "right.py", "wrong.py"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.timeout(120)
def test_a_program_that_uses_it_is_strictly_typed(said: list[str]) -> None:
    assert [line for line in said if not line.startswith("wrong.py")] == []


@pytest.mark.timeout(120)
def test_mistakes_are_seen_before_the_program_runs(said: list[str]) -> None:
    for number, (mistake, words) in enumerate(MISTAKES.items(), start=4):
        of_it = [line for line in said if line.startswith(f"wrong.py:{number}: error:")]
        assert any(words in line for line in of_it), mistake
