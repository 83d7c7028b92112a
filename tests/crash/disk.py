"""A disk of its own for a test: small, to be filled, freed, and made read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench.server import Server

MIB = 1024 * 1024


class Disk:
    """A file system in memory, mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, leave: int = 0) -> None:
        """Until so many bytes are free. They are taken by a file, which `free` removes."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while (room := self.room() - leave) > 0:
                    file.write(bytes(min(room, MIB)))
            except OSError:
                return  # full to the last page

    def room(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def make_read_only(self) -> None:
        """No file on it may be open for writing."""
        _run("mount", "-o", "remount,ro", str(self.path))

    def make_writable(self) -> None:
        _run("mount", "-o", "remount,rw", str(self.path))


@contextmanager
def mounted(path: Path, size: int) -> Iterator[Disk]:
    """Raises DiskNeeded where nothing can be mounted: who is not root, some containers."""
    path.mkdir(parents=True, exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        raise DiskNeeded(f"no disk could be mounted: {said.decode().strip()}") from error
    try:
        yield Disk(path)
    finally:
        _run("umount", "--lazy", str(path))


class DiskNeeded(Exception):
    """Why what needs a disk of its own was not tried."""


@contextmanager
def disk_or_skip(path: Path, size: int) -> Iterator[Disk]:
    try:
        with mounted(path, size) as disk:
            yield disk
    except DiskNeeded as error:
        pytest.skip(f"NOT TRIED: {error}")


def server_on(disk: Disk) -> Server:
    """Not started. Its log is on another disk."""
    server = Server(disk.path / "data")
    server.log_path = disk.path.with_name(disk.path.name + ".log")
    return server


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=30)
