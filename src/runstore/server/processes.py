"""Multipart bodies -> prepared batches, in processes of their own.

Decoding and preparing are Python's share of ingest, about two thirds of it, and hold the
interpreter's lock; in another process they leave it to the writer and to queries. Measured in
docs/decisions/0012-ingest-processes.md. Processes start with the first body that is worth it.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from runstore.engine.base import Preparer
from runstore.model.batch import Batch
from runstore.server.garbage import collect_seldom
from runstore.store.blobs import Blobs
from runstore.wire.encoding import BodyDecoder
from runstore.wire.ingest import IngestDecoder


class IngestProcesses:
    """`decode` raises what decoding in this process would raise."""

    def __init__(self, preparer: Preparer, folder: Path, processes: int) -> None:
        self._preparer = preparer
        self._folder = folder
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    async def decode(self, body: bytes, encoding: str, boundary: bytes, now_us: int) -> Batch:
        """A body is decoded a second time if the process that had it was killed."""
        try:
            return await self._decode(body, encoding, boundary, now_us)
        except BrokenProcessPool:
            self.close()
            return await self._decode(body, encoding, boundary, now_us)

    async def _decode(self, body: bytes, encoding: str, boundary: bytes, now_us: int) -> Batch:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                # Not fork: this process has threads, and a fork would share their locks.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(self._preparer, self._folder),
            )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _decode, body, encoding, boundary, now_us)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


class _Work:
    """What a process keeps from body to body."""

    preparer: Preparer
    blobs: Blobs


def _start(preparer: Preparer, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the server, which stops us
    _Work.preparer = preparer
    _Work.blobs = Blobs(folder)
    collect_seldom()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A server that was killed cannot stop us, and the pool's own pipe does not tell."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _decode(body: bytes, encoding: str, boundary: bytes, now_us: int) -> Batch:
    decoder = BodyDecoder(encoding)
    parts = IngestDecoder(boundary, _Work.blobs, now_us=now_us)
    try:
        for piece in decoder.feed(body):
            parts.feed(piece)
        decoder.finish()
        batch = parts.finish()
    except BaseException:
        parts.abort()
        raise
    return _Work.preparer.prepare(batch, now_us)
