"""The wheel, built from this tree, and virtual environments into which it is installed."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network: what builds it, hatchling, is one of the extra "dev"."""
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed, so NO WHEEL IS TESTED: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=50)
    (found,) = folder.glob("*.whl")
    return found


def environment(folder: Path, wheel: Path) -> tuple[Path, Path]:
    """A new one with the wheel and nothing else: its interpreter, and where its packages are."""
    venv.create(folder, with_pip=False)
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    scripts = Path(sysconfig.get_path("scripts", "venv", scheme))
    return scripts / ("python.exe" if os.name == "nt" else "python"), packages


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel, and finds what it needs in ours."""
    python, packages = environment(tmp_path_factory.mktemp("installed"), wheel)
    # A line of a .pth file is searched after the folder it lies in, and its own .pth files, such
    # as that of an editable runstore, do not count.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture(scope="session")
def installed_alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of one that has what `pip install runstore` brings, and nothing of extras."""
    python, packages = environment(tmp_path_factory.mktemp("alone"), wheel)
    for name in required("runstore") - {"runstore"}:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            source = Path(str(found.locate_file(top)))
            if source.is_dir():
                shutil.copytree(source, packages / top, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, packages / top)
    return python


def required(name: str) -> set[str]:
    """The distribution and, in turn, all it requires without extras."""
    known: set[str] = set()
    todo = [name]
    while todo:
        one = canonicalize_name(todo.pop())
        if one not in known:
            known.add(one)
            needs = map(Requirement, distribution(one).requires or ())
            todo += [r.name for r in needs if not r.marker or r.marker.evaluate({"extra": ""})]
    return known


@pytest.fixture
def run_installed(installed: Path, installed_alone: Path, tmp_path: Path) -> Run:
    """run(code, *arguments, alone=False): a program of the environment, in a folder of its own.

    `alone`: without the packages of the extras.
    """

    def run(code: str, *arguments: str, alone: bool = False) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [str(installed_alone if alone else installed), "-c", code, *arguments],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if "LANG" not in name},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    return run
