"""Large pages -> their answers, made by a process of its own that has the store open for reading.

To make one is Python's work, and in this process every other request would wait for the
interpreter meanwhile. Used by the one thread of its lane, which waits for the answer with the
interpreter free. Source: docs/decisions/0020-lanes.md.

    there   a pickled (question, budget, time for links)
    back    the parts as they are made, nothing once, and the pickled headers or a pickled error
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from runstore.engine.base import Engine
from runstore.limits import (
    DEFERRED_RUNS,
    PAGE_PROCESS_IDLE_SECONDS,
    PROCESS_NICENESS,
    PROCESS_STOP_SECONDS_MAX,
)
from runstore.model.run import Attachment
from runstore.plan.budget import Budget
from runstore.server.garbage import collect_seldom
from runstore.server.page_answer import PageAnswer
from runstore.server.pickled import pickled
from runstore.store.runs import fetch_page
from runstore.store.signing import Signer
from runstore.wire.answer import page_headers, page_parts
from runstore.wire.query import RunQueryBody

_READY = b"ready"
_NO_MORE = b""  # after the parts of a page, of which none is empty


class PageProcess:
    """Started with the first page asked of it; ends when none has been for a while."""

    def __init__(self, open_engine: Callable[[], Engine], folder: Path) -> None:
        self._open_engine = open_engine
        self._folder = folder
        self._lock = threading.Lock()
        self._running: tuple[BaseProcess, Connection] | None = None
        self._is_ready = False
        self._idle: threading.Timer | None = None

    def answer(self, asked: RunQueryBody, budget: Budget, now_s: int) -> PageAnswer | None:
        """None: it is not there yet, or has been killed; then whoever asks does it himself.

        Raises what fetching the page raises.
        """
        with self._lock:
            if (connection := self._connection()) is None:
                return None
            job = pickle.dumps((asked, budget, now_s), pickle.HIGHEST_PROTOCOL)
            try:
                connection.send_bytes(job)
                parts = list(iter(connection.recv_bytes, _NO_MORE))
                told = pickle.loads(connection.recv_bytes())
            except (OSError, EOFError):
                self._end()
                return None
        if isinstance(told, BaseException):
            raise told
        return PageAnswer(parts, told)

    def close(self) -> None:
        with self._lock:
            self._end()

    def _connection(self) -> Connection | None:
        """To a process that is ready; one that is not there is started."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(PAGE_PROCESS_IDLE_SECONDS, self.close)
        self._idle.daemon = True
        self._idle.start()
        if self._running is None:
            self._start()
            return None
        process, connection = self._running
        if not self._is_ready and connection.poll(0):
            try:
                self._is_ready = connection.recv_bytes() == _READY
            except (OSError, EOFError):
                self._end()
        return connection if self._is_ready else None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # this process has threads
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work,
            args=(theirs, self._open_engine, self._folder),
            name="runstore-pages",
            daemon=True,
        )
        process.start()
        theirs.close()
        self._running, self._is_ready = (process, ours), False

    def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._running is None:
            return
        process, connection = self._running
        self._running, self._is_ready = None, False
        connection.close()  # which is how the process knows
        process.join(PROCESS_STOP_SECONDS_MAX)
        if process.exitcode is None:
            process.kill()
            process.join()


def _work(connection: Connection, open_engine: Callable[[], Engine], folder: Path) -> None:
    """The life of the process: until the other end is closed, or its owner killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the server, which stops us
    if sys.platform != "win32":
        os.nice(PROCESS_NICENESS)
    engine = open_engine()
    signer = Signer.open(folder, read_only=True)
    collect_seldom()
    try:
        connection.send_bytes(_READY)
        while True:
            asked, budget, now_s = pickle.loads(connection.recv_bytes())
            _answer(connection, engine, signer, asked, budget, now_s)
    except (OSError, EOFError):
        return
    finally:
        engine.close()


def _answer(
    connection: Connection,
    engine: Engine,
    signer: Signer,
    asked: RunQueryBody,
    budget: Budget,
    now_s: int,
) -> None:
    def url(run_id: str, file: Attachment) -> str:
        return f"/attachments/{signer.sign(file, now_s)}"

    told: dict[str, str] | Exception
    parts: Iterator[bytes] = iter(())
    try:
        is_large = asked.query.limit > DEFERRED_RUNS
        page = fetch_page(engine, asked.query, budget, deferred=is_large)
        told = page_headers(page, asked)
        parts = page_parts(page, asked, attachment_url=url)
    except Exception as error:  # for whoever waits for it there
        told = error
    while True:
        try:
            part = next(parts, _NO_MORE)
        except Exception as error:
            told, part = error, _NO_MORE
        connection.send_bytes(part)  # who waits takes it while the next one is made
        if part == _NO_MORE:
            break
    connection.send_bytes(pickled(told))
