"""`runstore serve` as a subprocess: started, waited for, measured, stopped or killed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Self

START_SECONDS_MAX = 30.0  # longer than this and it is not coming
STOP_SECONDS_MAX = 60.0
_ANNOUNCED = re.compile(r"Runstore on (http://\S+?:(\d+)),")


class ServerError(Exception):
    """The server did not start; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a server's processes hold and have used. Bytes and seconds."""

    rss: int  # all of the below
    anonymous: int  # its own memory
    file_mapped: int  # pages of files, the database above all; the kernel may drop them
    cpu_s: float  # user and system, all threads


def _footprint(pid: str) -> Footprint:
    """Of one process, with the time of its children that have ended. Nothing if it has too."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return Footprint(0, 0, 0, 0.0)
    kib = {key: int(value) for key, value in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.M)}
    ticks = sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return Footprint(
        rss=kib.get("Rss", 0) * 1024,
        anonymous=kib.get("Anonymous", 0) * 1024,
        file_mapped=(kib.get("Rss", 0) - kib.get("Anonymous", 0)) * 1024,
        cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
    )


class Server:
    """One server process over one folder. Use as a context manager, or call the verbs."""

    def __init__(
        self, data: Path, port: int = 0, settings: Mapping[str, str] | None = None
    ) -> None:
        """`settings`: variables of its environment, beside ours."""
        self.data = data
        self.port = port
        self.log_path = data.with_name(data.name + ".log")
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> Self:
        """Returns once it listens. With port 0 the first start picks one, later ones keep it."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        command = [
            str(Path(sys.executable).with_name("runstore")),
            *("serve", "--data", str(self.data), "--port", str(self.port)),
            *("--log-level", "warning"),
        ]
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("RUNSTORE_") or name == "RUNSTORE_INGEST_PROCESSES"
        }
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=environment | self._settings,
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if found := _ANNOUNCED.search(self.log()):
                self.port = int(found.group(2))
                return self
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.kill()
        raise ServerError(f"runstore serve did not start:\n{self.log()[-4_000:]}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """SIGTERM and wait: the graceful end. The exit code."""
        assert self._process is not None, "not started"
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL: what a power cut does to the process, and as sudden."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self) -> int:
        assert self._process is not None, "not started"
        return self._process.wait()

    def footprint(self) -> Footprint:
        """Of the server and the processes it has started. Linux only: reads /proc."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        parts = [_footprint(pid) for pid in (str(self.pid), *children)]
        return Footprint(*map(sum, zip(*map(astuple, parts), strict=True)))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.is_running():
            self.stop()
