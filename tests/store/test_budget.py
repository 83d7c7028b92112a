"""ByteBudget: what overdraws it is refused, what closes gives back; a line before it."""

import asyncio

import pytest

from runstore.errors import Overloaded
from runstore.limits import INGEST_QUEUE_BYTES_MIN, INGEST_QUEUE_SECONDS, MIB, RETRY_AFTER_S_MAX
from runstore.store.budget import ByteBudget, Lease


def test_a_lease_past_the_budget_is_refused_and_takes_nothing() -> None:
    budget = ByteBudget(100)
    budget.lease().grow(80)
    late = budget.lease()
    with pytest.raises(Overloaded) as refused:
        late.grow(21)
    assert refused.value.retry_after_s >= 1
    assert (late.held, budget.taken) == (0, 80)


def test_a_closed_lease_makes_room() -> None:
    budget = ByteBudget(100)
    with budget.lease() as first:
        first.grow(100)
    second = budget.lease()
    second.grow(100)
    assert budget.taken == 100


def test_a_request_that_is_alone_is_served_whatever_its_size() -> None:
    budget = ByteBudget(100)
    lease = budget.lease()
    lease.grow(60)
    lease.grow(60)
    assert budget.taken == 120
    with pytest.raises(Overloaded):
        budget.lease().grow(1)


@pytest.mark.parametrize("held", [0, 10, 50, 90])
def test_a_resized_lease_holds_just_that(held: int) -> None:
    budget = ByteBudget(100)
    lease = budget.lease()
    lease.grow(50)
    lease.resize(held)
    assert (lease.held, budget.taken) == (held, held)


def test_a_handed_over_lease_outlives_the_first_owner() -> None:
    budget = ByteBudget(100)
    with budget.lease() as first:
        first.grow(40)
        heir = first.hand_over()
    assert budget.taken == 40
    heir.close()
    heir.close()
    assert budget.taken == 0


async def entered(budget: ByteBudget, size: int) -> Lease:
    lease = budget.lease()
    await lease.enter(size)
    return lease


def test_whoever_waits_in_line_enters_in_his_turn() -> None:
    async def scenario() -> list[int]:
        budget = ByteBudget(100, line_seconds=60)
        order: list[int] = []

        async def wait(number: int, size: int) -> Lease:
            lease = await entered(budget, size)
            order.append(number)
            return lease

        first = await entered(budget, 90)
        # The second is too large for what is left, and the third would fit: it comes later.
        waiting = [asyncio.create_task(wait(n, size)) for n, size in ((2, 60), (3, 5), (4, 90))]
        await asyncio.sleep(0)
        assert (order, budget.waiting) == ([], 3)
        await asyncio.to_thread(first.close)  # as the writer does
        second, third = await waiting[0], await waiting[1]
        assert (order, budget.waiting, budget.taken) == ([2, 3], 1, 65)
        second.close()
        third.close()
        (await waiting[2]).close()
        assert budget.taken == 0
        return order

    assert asyncio.run(scenario()) == [2, 3, 4]


def test_whoever_waited_in_vain_is_refused_and_leaves_the_line() -> None:
    async def scenario() -> None:
        budget = ByteBudget(100, line_seconds=0)
        first = await entered(budget, 90)
        late = budget.lease()
        with pytest.raises(Overloaded):
            await late.enter(20)
        assert (late.held, budget.waiting, budget.taken) == (0, 0, 90)
        first.close()
        await late.enter(20)
        assert budget.taken == 20

    asyncio.run(scenario())


def test_a_line_has_an_end() -> None:
    async def scenario() -> None:
        budget = ByteBudget(100, line_seconds=60, line_max=1)
        first = await entered(budget, 90)
        waiting = asyncio.create_task(entered(budget, 20))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="1 requests for room"):
            await entered(budget, 5)
        first.close()
        (await waiting).close()

    asyncio.run(scenario())


@pytest.mark.parametrize("has_room", [False, True])
def test_whoever_goes_away_while_he_waits_keeps_nothing(has_room: bool) -> None:
    async def scenario() -> None:
        budget = ByteBudget(100, line_seconds=60)
        first = await entered(budget, 90)
        waiting = asyncio.create_task(entered(budget, 20))
        await asyncio.sleep(0)
        if has_room:
            first.close()  # his bytes are taken now, and he does not know yet
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first.close()
        assert (budget.taken, budget.waiting) == (0, 0)

    asyncio.run(scenario())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_more_is_let_in_than_is_stored_soon_enough() -> None:
    """What waits longer than its sender does is sent again, and stored twice for nothing."""

    async def scenario() -> None:
        clock = Clock()
        budget = ByteBudget(10_000 * MIB, line_seconds=0, clock=clock)
        with pytest.raises(Overloaded):  # nobody knows yet how fast it will be
            await entered(budget, 1)
            await entered(budget, INGEST_QUEUE_BYTES_MIN)
        budget = ByteBudget(10_000 * MIB, line_seconds=0, clock=clock)
        lease = await entered(budget, 1_000 * MIB)
        for _ in range(20):
            clock.now += 1
            lease.resize(lease.held - 20 * MIB)  # 20 MiB a second
        rest = lease.held
        assert rest > 20 * MIB * INGEST_QUEUE_SECONDS
        told = []
        for _ in range(70):
            with pytest.raises(Overloaded) as refused:
                await entered(budget, 20 * MIB)
            told.append(refused.value.retry_after_s)
        # One after the other, as fast as room is made; nobody for ever.
        assert told[:5] == [1, 2, 3, 4, 5]
        assert told[-1] == RETRY_AFTER_S_MAX
        clock.now += 80
        with pytest.raises(Overloaded) as refused:
            await entered(budget, 20 * MIB)
        assert refused.value.retry_after_s == 1
        lease.resize(10 * MIB)
        await entered(budget, 20 * MIB)

    asyncio.run(scenario())


def test_whoever_was_refused_and_comes_back_stands_before_who_came_since() -> None:
    async def scenario() -> list[str]:
        clock = Clock()
        budget = ByteBudget(100, line_seconds=0, clock=clock)
        first = await entered(budget, 90)
        with pytest.raises(Overloaded):
            await budget.lease().enter(90, "early")
        clock.now += 1
        budget._line_seconds = 60
        order: list[str] = []

        async def wait(sender: str) -> None:
            lease = budget.lease()
            await lease.enter(90, sender)
            order.append(sender)
            lease.close()

        waiting = [asyncio.create_task(wait("late"))]
        await asyncio.sleep(0)
        clock.now += 1
        waiting.append(asyncio.create_task(wait("early")))
        await asyncio.sleep(0)
        first.close()
        await asyncio.gather(*waiting)
        # He is not remembered once he has been let in.
        assert budget._refused == {}
        return order

    assert asyncio.run(scenario()) == ["early", "late"]
