"""What the papers at the root say works, and where they point exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runstore.engine.memory import MemoryEngine
from tests.server.live import serve

ROOT = Path(__file__).parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def block(language: str, after: str = "## First trace") -> str:
    """The first fenced block of that language in README.md that follows."""
    text = (ROOT / "README.md").read_text().partition(after)[2]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_trace_and_query_of_the_readme_work(tmp_path: Path) -> None:
    words = dict(re.findall(r"(LANGSMITH_\w+)=(\S+)", block("sh")))
    assert words.keys() >= {"LANGSMITH_ENDPOINT", "LANGSMITH_TRACING", "LANGSMITH_PROJECT"}
    with serve(MemoryEngine(), tmp_path) as live:
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", block("python")],
            env=os.environ | words | {"LANGSMITH_ENDPOINT": live.url},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "look_up success {'order': 'A-1042', 'status': 'shipped'}\n"


def test_the_first_trace_and_query_take_at_most_20_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 20


def test_a_folder_needs_no_server_and_six_lines(tmp_path: Path) -> None:
    code = block("python", after="## No server")
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    for expected in (1, 2):  # the second time there is a run already
        ended = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if "LANG" not in name},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == f"{[('agent', {'answer': 'because'})] * expected}\n"


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_papers_lead_somewhere(paper: Path) -> None:
    targets = LINK.findall(paper.read_text())
    missing = [target for target in targets if not (paper.parent / target).exists()]
    assert missing == []


def test_commands_the_papers_name_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for paper in PAPERS:
        named = set(re.findall(r"`?\bmake ([a-z-]+)(?=[`\s]*(?:$|[`#,.;]| N=| ONCE=))",
                               paper.read_text(), re.MULTILINE))  # fmt: skip
        assert named <= known, paper


def test_paths_the_architecture_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py|\.json)?)`", text))
    missing = [
        path
        for path in sorted(paths)
        if not (ROOT / path).exists() and not (ROOT / "src/runstore" / path).exists()
    ]
    assert missing == []
