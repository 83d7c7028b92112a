"""Multipart bodies -> prepared batches, in processes of their own.

Decoding and preparing are Python's share of ingest, about two thirds of it, and hold the
interpreter's lock; in another process they leave it to the writer and to queries. Measured in
docs/decisions/0012-ingest-processes.md. Processes start with the first body that is worth it, and
end when none has come for a while.

Each process has a socket, on which bodies go there and batches come back in the same order:

    there   <length> <pickled (body, encoding, boundary, now_us)>
    back    <length> <pickled batch, or the error that decoding raised>
"""

import asyncio
import multiprocessing
import os
import pickle
import signal
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from runstore.engine.base import Preparer
from runstore.errors import StorageError
from runstore.limits import PROCESS_IDLE_SECONDS, PROCESS_NICENESS, PROCESS_STOP_SECONDS_MAX
from runstore.model.batch import Batch
from runstore.server.garbage import collect_seldom
from runstore.server.pickled import pickled
from runstore.store.blobs import Blobs
from runstore.wire.encoding import BodyDecoder
from runstore.wire.ingest import IngestDecoder

_LENGTH = struct.Struct("!Q")
_ATTEMPTS = 2
_SOCKET_BYTES = 4 * 1024 * 1024  # asked of the system, so that neither side waits for the other


class ProcessDied(Exception):
    """The process that had the body was killed."""


class IngestProcesses:
    """`decode` raises what decoding in this process would raise. Used by one event loop."""

    def __init__(self, preparer: Preparer, folder: Path, processes: int) -> None:
        self._preparer = preparer
        self._folder = folder
        self._processes = processes
        self._running: list[_Process] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._watch: asyncio.TimerHandle | None = None  # there while processes are

    async def decode(self, body: bytes, encoding: str, boundary: bytes, now_us: int) -> Batch:
        """A body is decoded a second time if the process that had it was killed.

        Raises StorageError if the next one was killed too.
        """
        job = pickle.dumps((body, encoding, boundary, now_us), pickle.HIGHEST_PROTOCOL)
        for _ in range(_ATTEMPTS):
            try:
                return await self._least_busy().decode(job)
            except ProcessDied:
                continue
        raise StorageError("the processes that decode what comes in are being killed")

    def _least_busy(self) -> "_Process":
        self._running = [process for process in self._running if process.is_alive]
        idle = [process for process in self._running if not process.waiting]
        if not idle and len(self._running) < self._processes:
            if self._watch is None:
                self._watch_idle()
            self._running.append(_Process(self._preparer, self._folder))
        return min(self._running, key=lambda process: process.waiting)

    def _watch_idle(self) -> None:
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(PROCESS_IDLE_SECONDS, self._end_idle)

    def _end_idle(self) -> None:
        loop = asyncio.get_running_loop()
        self._watch = None
        for process in list(self._running):
            if process.idle_s >= PROCESS_IDLE_SECONDS:
                self._running.remove(process)
                ending = loop.create_task(process.close())
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
        if self._running:
            self._watch_idle()

    async def close(self) -> None:
        """Ends the processes, once nothing is under way."""
        if self._watch is not None:
            self._watch.cancel()
        running, self._running = self._running, []
        await asyncio.gather(*(process.close() for process in running), *self._ending)


class _Process:
    """One process, and who waits for it."""

    def __init__(self, preparer: Preparer, folder: Path) -> None:
        self.is_alive = True
        self._answers: deque[asyncio.Future[Batch]] = deque()
        self._sending = asyncio.Lock()
        self._used = time.monotonic()
        self._socket, theirs = socket.socketpair()
        for end in (self._socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
        self._socket.setblocking(False)
        # Not fork: this process has threads, and a fork would share their locks.
        context = multiprocessing.get_context("spawn")
        self._process: BaseProcess = context.Process(
            target=_work, args=(theirs, preparer, folder), name="runstore-ingest", daemon=True
        )
        self._process.start()
        theirs.close()
        self._receiving = asyncio.get_running_loop().create_task(self._receive())

    @property
    def waiting(self) -> int:
        return len(self._answers)

    @property
    def idle_s(self) -> float:
        return 0.0 if self._answers else time.monotonic() - self._used

    async def decode(self, job: bytes) -> Batch:
        """Raises ProcessDied."""
        loop = asyncio.get_running_loop()
        self._used = time.monotonic()
        answer: asyncio.Future[Batch] = loop.create_future()
        self._answers.append(answer)
        # Who goes away must not leave half a body on the socket.
        await asyncio.shield(loop.create_task(self._send(job)))
        return await answer

    async def _send(self, job: bytes) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # it died: `_receive` hears of that too
            async with self._sending:  # in the order of `_answers`: the lock is fair
                await loop.sock_sendall(self._socket, _LENGTH.pack(len(job)) + job)

    async def _receive(self) -> None:
        try:
            while True:
                (length,) = _LENGTH.unpack(await self._read(_LENGTH.size))
                told = pickle.loads(await self._read(length))
                answer = self._answers.popleft()
                if answer.done():  # its request was cancelled
                    continue
                if isinstance(told, BaseException):
                    answer.set_exception(told)
                else:
                    answer.set_result(told)
        except (OSError, EOFError):
            self._end()

    async def _read(self, length: int) -> bytearray:
        loop = asyncio.get_running_loop()
        raw = bytearray(length)
        view = memoryview(raw)
        while view:
            count = await loop.sock_recv_into(self._socket, view)
            if not count:
                raise EOFError
            view = view[count:]
        return raw

    def _end(self) -> None:
        self.is_alive = False
        self._socket.close()
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(ProcessDied())

    async def close(self) -> None:
        self._receiving.cancel()
        await asyncio.wait([self._receiving])
        self._socket.close()  # which is how the process knows
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        self._process.join(PROCESS_STOP_SECONDS_MAX)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def _work(requests: socket.socket, preparer: Preparer, folder: Path) -> None:
    """The life of a process: until the other end of its socket is closed, or its owner killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the server, which stops us
    if sys.platform != "win32":
        os.nice(PROCESS_NICENESS)
    collect_seldom()
    blobs = Blobs(folder)
    with requests, requests.makefile("rb") as incoming:
        while head := incoming.read(_LENGTH.size):
            job = pickle.loads(incoming.read(_LENGTH.unpack(head)[0]))
            try:
                told: object = _decode(blobs, preparer, *job)
            except Exception as error:  # for whoever waits for it there
                told = error
            raw = pickled(told)
            requests.sendall(_LENGTH.pack(len(raw)))
            requests.sendall(raw)


def _decode(
    blobs: Blobs, preparer: Preparer, body: bytes, encoding: str, boundary: bytes, now_us: int
) -> Batch:
    decoder = BodyDecoder(encoding)
    parts = IngestDecoder(boundary, blobs, now_us=now_us)
    try:
        for piece in decoder.feed(body):
            parts.feed(piece)
        decoder.finish()
        batch = parts.finish()
    except BaseException:
        parts.abort()
        raise
    return preparer.prepare(batch, now_us)
