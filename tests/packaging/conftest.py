"""The wheel, built from this tree, and a virtual environment into which it is installed."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel, and finds what it needs in ours."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A line of a .pth file is searched after the folder it lies in, and its own .pth files, such
    # as that of an editable runstore, do not count.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    scripts = Path(sysconfig.get_path("scripts", "venv", scheme))
    return scripts / ("python.exe" if os.name == "nt" else "python")


BARE = '''
import sys
from importlib.machinery import PathFinder

class WithoutExtras(PathFinder):
    """As if nothing of the extras were installed."""

    extras = {
        "apsw", "cyclopts", "filelock", "langsmith", "numpy", "pandas", "polars",
        "prometheus_client", "pyarrow", "pydantic", "re2", "rich", "starlette", "uvicorn",
    }

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        is_extra = name.partition(".")[0] in cls.extras
        return None if is_extra else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutExtras
'''


@pytest.fixture
def run_installed(installed: Path, tmp_path: Path) -> Run:
    """run(code, *arguments, bare=False): a program of the environment, in a folder of its own.

    `bare`: without the packages of the extras.
    """

    def run(code: str, *arguments: str, bare: bool = False) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [str(installed), "-c", (BARE if bare else "") + code, *arguments],
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
