"""Senders with the SDK's patience before a ByteBudget, in a time that passes at once.

The writer stores groups of bodies, and halts for seconds now and then, as it does while the index
is merged. Twice as much falls due as it takes.
"""

import asyncio
import random
import selectors
from dataclasses import dataclass, field

from runstore.errors import Overloaded
from runstore.limits import MIB
from runstore.store.budget import ByteBudget, Lease, Sender

ATTEMPTS = 4  # of the SDK's transport: langsmith/client.py, _default_retry_config of 0.15
ANSWER_SECONDS_MAX = 10.0  # its read timeout
GROUP = 40  # bodies in a transaction
GROUP_SECONDS = (0.25, 0.37)  # for one; the first and last of what is possible
HALT_AFTER = 200  # bodies
HALT_SECONDS = (0.05, 3.5)
BODIES_PER_SECOND = 61  # stored, as follows

_Queue = asyncio.Queue[tuple[Lease, asyncio.Future[None]]]


@dataclass(slots=True)
class Outcome:
    taken: int = 0
    given_up: int = 0
    refused: int = 0  # attempts, as those
    without_answer: int = 0


class _Clock(selectors.DefaultSelector):
    """Waits for nothing: whatever falls due next does so at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = _Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def overload(
    *, senders: int, bodies: int, body_bytes: int, keep_alive: bool = True, seed: int = 0
) -> Outcome:
    """Until all bodies were taken or given up. `keep_alive`: on one connection each."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(_Trial(bodies, body_bytes, keep_alive, random.Random(seed)).run(senders))


@dataclass
class _Trial:
    bodies: int
    body_bytes: int
    keep_alive: bool
    random: random.Random
    outcome: Outcome = field(default_factory=Outcome)
    _next: int = 0

    async def run(self, senders: int) -> Outcome:
        self._time = asyncio.get_running_loop().time
        self._budget = ByteBudget(256 * MIB, clock=self._time)
        self._queue: _Queue = asyncio.Queue()
        writer = asyncio.create_task(self._write())
        await asyncio.gather(*(self._send_all(sender) for sender in range(senders)))
        writer.cancel()
        return self.outcome

    async def _write(self) -> None:
        written = 0
        while True:
            group = [await self._queue.get()]
            while len(group) < GROUP and not self._queue.empty():
                group.append(self._queue.get_nowait())
            await asyncio.sleep(self.random.uniform(*GROUP_SECONDS) * len(group) / GROUP)
            if written // HALT_AFTER != (written + len(group)) // HALT_AFTER:
                await asyncio.sleep(self.random.uniform(*HALT_SECONDS))
            written += len(group)
            for lease, answer in group:
                lease.close()
                if not answer.done():  # its sender waits no longer
                    answer.set_result(None)

    async def _send_all(self, sender: int) -> None:
        while self._next < self.bodies:
            due = self._next / (2 * BODIES_PER_SECOND)
            self._next += 1
            await asyncio.sleep(max(0.0, due - self._time()))
            if await self._send(sender, int(self.body_bytes * self.random.uniform(0.9, 1.1))):
                self.outcome.taken += 1
            else:
                self.outcome.given_up += 1

    async def _send(self, sender: int, size: int) -> bool:
        for _ in range(ATTEMPTS):
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._request(sender if self.keep_alive else object(), size)
                    return True
            except Overloaded as refusal:
                self.outcome.refused += 1
                await asyncio.sleep(refusal.retry_after_s + self.random.uniform(0, 0.05))
            except TimeoutError:
                self.outcome.without_answer += 1
        return False

    async def _request(self, connection: object, size: int) -> None:
        lease = self._budget.lease()
        await lease.enter(size, Sender(connection, size))
        lease.arrived()
        await asyncio.sleep(0.05)  # its body is decoded
        lease.resize(size * 9 // 10)
        answer = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((lease, answer))
        await answer
