"""Background writing, by a thread and by a task: the same facts of both."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from runstore.client import batcher, task_batcher
from runstore.client.batcher import ThreadWriter
from runstore.client.calls.bodies import RunWrite
from runstore.client.drive import drive, drive_async
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.task_batcher import TaskWriter
from runstore.client.write_queue import WriteQueue, WriteStats
from runstore.errors import ConnectionFailed, InvalidRequest, RunstoreError, Unauthorized
from runstore.limits import WRITE_BATCH_OPERATIONS
from runstore.wire.info import encode_info

RUN = "11111111-1111-4111-8111-111111111111"
PLACE = {"trace_id": RUN, "dotted_order": f"20260102T030405000000Z{RUN}"}
Script = list[HttpResponse | RunstoreError]
ACCEPTED = HttpResponse(202, b"{}")


class Server:
    """Answers /info, then what the script says, then 202. May be held up."""

    def __init__(self, *script: HttpResponse | RunstoreError) -> None:
        self.script: Script = list(script)
        self.bodies: list[bytes] = []
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()

    def answer(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/info":
            return HttpResponse(200, encode_info("0"))
        self.bodies.append(request.body)
        reply = self.script.pop(0) if self.script else ACCEPTED
        if isinstance(reply, RunstoreError):
            raise reply
        return reply

    def send(self, request: HttpRequest) -> HttpResponse:
        self.asked.set()
        assert self.open.wait(10)
        return self.answer(request)

    def stream(self, request: HttpRequest) -> Any:
        raise NotImplementedError

    def close(self) -> None: ...


class AsyncServer:
    """The same for the async client."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def send(self, request: HttpRequest) -> HttpResponse:
        self._server.asked.set()
        assert await asyncio.to_thread(self._server.open.wait, 10)
        return self._server.answer(request)

    def stream(self, request: HttpRequest) -> Any:
        raise NotImplementedError

    async def close(self) -> None: ...


class Writer:
    """ThreadWriter or TaskWriter behind one face, for tests that are async anyway."""

    def __init__(self, mode: str, server: Server, queue: WriteQueue | None = None) -> None:
        self._inner: ThreadWriter | TaskWriter
        if mode == "sync":
            self._inner = ThreadWriter(
                lambda steps: drive(steps, server), compress=False, queue=queue
            )
        else:
            transport = AsyncServer(server)

            def run(steps: Steps[Any]) -> Awaitable[Any]:
                return drive_async(steps, transport)

            self._inner = TaskWriter(run, compress=False, queue=queue)

    @property
    def stats(self) -> WriteStats:
        return self._inner.stats

    def put(self, number: int = 0) -> bool:
        return self._inner.put(RunWrite("post", RUN, {"id": RUN, **PLACE, "name": f"n{number}"}))

    async def flush(self, timeout_s: float | None = None) -> bool:
        return bool(await self._wait(lambda inner: inner.flush(timeout_s)))

    async def close(self, timeout_s: float = 10) -> None:
        await self._wait(lambda inner: inner.close(timeout_s))

    async def _wait(self, do: Callable[[Any], Any]) -> Any:
        if isinstance(self._inner, TaskWriter):
            return await do(self._inner)
        return await asyncio.to_thread(do, self._inner)


MODES = ("sync", "async")
each_mode = pytest.mark.parametrize("mode", MODES)
Scenario = Callable[[Writer, Server], Awaitable[None]]


def play(mode: str, scenario: Scenario, server: Server, queue: WriteQueue | None = None) -> None:
    async def run() -> None:
        writer = Writer(mode, server, queue)
        try:
            await scenario(writer, server)
        finally:
            server.open.set()
            await writer.close()

    asyncio.run(run())


@each_mode
def test_flush_returns_when_all_is_sent(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        count = 2 * WRITE_BATCH_OPERATIONS + 50
        for number in range(count):
            assert writer.put(number)
        assert await writer.flush()
        assert (writer.stats.sent, writer.stats.queued, writer.stats.lost) == (count, 0, 0)
        names = [f'"n{number}"'.encode() for number in range(count)]
        sent = b"".join(server.bodies)
        assert all(name in sent for name in names)
        assert len(server.bodies) >= 3, f"at most {WRITE_BATCH_OPERATIONS} in a batch"

    play(mode, scenario, Server())


@each_mode
def test_what_is_written_soon_after_goes_along(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (batcher, task_batcher):
        monkeypatch.setattr(module, "WRITE_LINGER_SECONDS", 0.5)  # however busy the machine is

    async def scenario(writer: Writer, server: Server) -> None:
        writer.put(1)
        await asyncio.sleep(0.01)
        writer.put(2)
        assert await asyncio.to_thread(server.asked.wait, 5), "nobody asked for it to be sent"
        assert await writer.flush()
        assert len(server.bodies) == 1 and writer.stats.sent == 2

    play(mode, scenario, Server())


@each_mode
def test_flush_of_nothing_returns_at_once(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        assert await writer.flush(0)

    play(mode, scenario, Server())


@each_mode
def test_flush_says_when_there_was_not_time_enough(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        server.open.clear()
        writer.put()
        assert not await writer.flush(0.02)
        server.open.set()
        assert await writer.flush(10)

    play(mode, scenario, Server())


@each_mode
def test_a_server_that_was_away_gets_everything_later(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        writer.put()
        assert await writer.flush(20)
        assert (writer.stats.sent, writer.stats.dropped) == (1, 0)
        assert len(server.bodies) == 2
        names = [b'"n0"' in body for body in server.bodies]
        assert names == [True, True]

    play(mode, scenario, Server(ConnectionFailed("connection refused")))


@each_mode
def test_a_batch_that_is_refused_is_counted_with_the_reason(mode: str) -> None:
    refusal = orjson.dumps({"refused": [{"run_id": RUN, "reason": "name: 5 is not a string"}]})

    async def scenario(writer: Writer, server: Server) -> None:
        writer.put()
        assert await writer.flush()
        assert (writer.stats.refused, writer.stats.sent) == (1, 0)
        assert writer.stats.refusals[0].reason == "name: 5 is not a string"

    play(mode, scenario, Server(HttpResponse(202, refusal)))


@each_mode
@pytest.mark.parametrize(
    "error", [Unauthorized("no such key"), ValueError("a bug")], ids=["for ever", "a bug"]
)
def test_a_batch_that_cannot_be_sent_is_dropped_and_the_next_one_is_not(
    mode: str, error: Any
) -> None:
    class Failing(Server):
        def answer(self, request: HttpRequest) -> HttpResponse:
            if request.path != "/info" and not self.bodies:
                self.bodies.append(request.body)
                raise error
            return super().answer(request)

    async def scenario(writer: Writer, server: Server) -> None:
        writer.put()
        assert await writer.flush()
        assert writer.stats.dropped == 1 and str(error) in (writer.stats.last_error or "")
        writer.put()
        assert await writer.flush()
        assert writer.stats.sent == 1

    play(mode, scenario, Failing())


@each_mode
def test_a_full_queue_drops_and_does_not_wait(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        server.open.clear()
        assert [writer.put(number) for number in range(4)] == [True, True, False, False]
        assert writer.stats.dropped == 2
        server.open.set()
        assert await writer.flush()
        assert writer.stats.sent == 2

    play(mode, scenario, Server(), WriteQueue(operations_max=2))


@each_mode
def test_close_sends_what_waits(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        for number in range(150):
            writer.put(number)
        await writer.close()
        assert (writer.stats.sent, writer.stats.queued) == (150, 0)
        with pytest.raises(InvalidRequest, match="closed"):
            writer.put()

    play(mode, scenario, Server())


@each_mode
def test_close_gives_up_on_a_server_that_hangs(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        server.open.clear()
        writer.put()
        await asyncio.to_thread(server.asked.wait, 5)
        await writer.close(0.05)
        assert (writer.stats.sent, writer.stats.dropped) == (0, 1)
        assert "closing" in (writer.stats.last_error or "")

    play(mode, scenario, Server())


@each_mode
def test_close_does_not_wait_out_a_long_pause(mode: str) -> None:
    class Away(Server):
        def answer(self, request: HttpRequest) -> HttpResponse:
            raise ConnectionFailed("refused")

    async def scenario(writer: Writer, server: Server) -> None:
        writer.put()
        await asyncio.to_thread(server.asked.wait, 5)
        async with asyncio.timeout(5):
            await writer.close(0.1)
        assert writer.stats.dropped == 1

    play(mode, scenario, Away())


def test_an_async_writer_goes_on_in_another_loop() -> None:
    server = Server()
    writer = Writer("async", server)

    async def put_and_leave() -> None:
        writer.put(1)

    async def put_and_flush() -> None:
        writer.put(2)
        assert await writer.flush(5)
        await writer.close()

    asyncio.run(put_and_leave())
    asyncio.run(put_and_flush())
    assert writer.stats.sent == 2


def test_an_async_writer_may_be_used_on_several_loops_at_once() -> None:
    server = Server()
    writer = Writer("async", server)
    all_there = threading.Barrier(3)

    async def put_and_flush(first: int) -> None:
        await asyncio.to_thread(all_there.wait, 5)
        for number in range(first, first + 300):
            assert writer.put(number)
            if number % 40 == 0:
                await asyncio.sleep(0)
        assert await writer.flush(5)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda first: asyncio.run(put_and_flush(first)), (0, 300, 600)))
    asyncio.run(writer.close())
    assert (writer.stats.sent, writer.stats.lost) == (900, 0)
    sent = b"".join(server.bodies)
    assert all(f'"n{number}"'.encode() in sent for number in range(900))


def test_a_flush_outlives_the_task_it_waits_for() -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        server.open.clear()
        writer.put()
        flush = asyncio.create_task(writer.flush(5))
        await asyncio.to_thread(server.asked.wait, 5)
        for task in asyncio.all_tasks():
            if task.get_name() == "runstore-writer":
                task.cancel()
        server.open.set()
        assert await flush
        assert writer.stats.sent == 1

    play("async", scenario, Server())


PROGRAM = """
    import asyncio
    import gc
    import sys
    from runstore.client.batcher import ThreadWriter
    from runstore.client.calls.bodies import RunWrite
    from runstore.client.drive import drive, drive_async
    from runstore.client.http import HttpResponse
    from runstore.client.task_batcher import TaskWriter
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)  # a folder has such: it must still work when we are flushed

    class Transport:
        def send(self, request):
            if request.path == "/info":
                return HttpResponse(200, b"{}")
            sent = pool.submit(request.body.count, b'name="post.').result()
            print("sent", sent, flush=True)
            return HttpResponse(202, b"{}")

    transport = Transport()
    writer = ThreadWriter(lambda steps: drive(steps, transport))

    class AsyncTransport:
        async def send(self, request):
            return await asyncio.to_thread(transport.send, request)

    async_transport = AsyncTransport()

    def put(count, writer=writer):
        for number in range(count):
            run_id = f"11111111-1111-4111-8111-1111111111{number:02}"
            place = {"trace_id": run_id, "dotted_order": "20260102T030405000000Z" + run_id}
            writer.put(RunWrite("post", run_id, {"id": run_id, **place}))
"""


def run_program(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


def test_a_program_that_ends_sends_what_waits() -> None:
    assert run_program("put(7)") == ["sent 7"]


def test_a_program_that_ends_sends_what_an_async_client_left_behind() -> None:
    assert run_program(
        """
        async def main():
            put(7, TaskWriter(lambda steps: drive_async(steps, async_transport)))

        asyncio.run(main())
        gc.collect()
        """
    ) == ["sent 7"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_sends_its_own_and_not_its_parents() -> None:
    lines = run_program(
        """
        import os
        put(3)
        child = os.fork()
        if child == 0:
            pool = ThreadPoolExecutor(1)
            put(2)
            writer.flush()
            print("child", writer.stats.sent, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        writer.flush()
        print("parent", writer.stats.sent, flush=True)
        """
    )
    assert sorted(lines) == ["child 2", "parent 3", "sent 2", "sent 3"]


def test_a_thread_that_has_nothing_to_do_ends_and_another_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runstore.client.batcher.WRITE_IDLE_SECONDS", 0.01)

    def senders() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name == "runstore-writer"]

    async def scenario(writer: Writer, server: Server) -> None:
        for number in (1, 2):
            writer.put(number)
            working = senders()
            assert await writer.flush()
            for thread in working:
                await asyncio.to_thread(thread.join, 5)
            assert senders() == [] and writer.stats.sent == number

    play("sync", scenario, Server())


def test_many_threads_may_write_at_once() -> None:
    server = Server()
    writer = ThreadWriter(lambda steps: drive(steps, server), compress=False)

    def write(first: int) -> None:
        for number in range(first, first + 100):
            assert writer.put(RunWrite("post", RUN, {"id": RUN, **PLACE, "name": f"n{number}"}))

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 800, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert (writer.stats.sent, writer.stats.lost) == (800, 0)
    sent = b"".join(server.bodies)
    assert all(f'"n{number}"'.encode() in sent for number in range(800))


@each_mode
def test_what_is_given_up_at_the_end_says_why_it_waited(mode: str) -> None:
    async def scenario(writer: Writer, server: Server) -> None:
        writer.put()
        await asyncio.to_thread(server.asked.wait, 5)
        await writer.close(0.3)
        assert "connection refused" in (writer.stats.last_error or "")

    play(mode, scenario, Server(*[ConnectionFailed("connection refused")] * 100))
