"""ByteBudget: what overdraws it is refused, what closes gives back; a line before it."""

import asyncio
from collections.abc import Hashable

import pytest

from runstore.errors import Overloaded
from runstore.limits import (
    INGEST_QUEUE_BYTES_MIN,
    INGEST_QUEUE_SECONDS,
    INGEST_REFUSED_LATE_SECONDS_MAX,
    MIB,
    RETRY_AFTER_S_MAX,
)
from runstore.store.budget import ByteBudget, Lease, Sender
from tests.store.overload import overload


def test_a_lease_past_the_budget_is_refused_and_takes_nothing() -> None:
    budget = ByteBudget(100)
    budget.lease().grow(80)
    late = budget.lease()
    with pytest.raises(Overloaded) as refusal:
        late.grow(21)
    assert refusal.value.retry_after_s >= 1
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


async def entered(
    budget: ByteBudget, size: int, sender: Hashable = None, connection: Hashable = None
) -> Lease:
    """`connection`: None for one of the sender's own, which he keeps."""
    lease = budget.lease()
    await lease.enter(size, Sender(connection or sender, sender))
    lease.arrived()
    return lease


async def refused(
    budget: ByteBudget, size: int, sender: Hashable, connection: Hashable = None
) -> int:
    """Seconds after which he may come again."""
    with pytest.raises(Overloaded) as refusal:
        await entered(budget, size, sender, connection)
    return refusal.value.retry_after_s


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
            await entered(budget, INGEST_QUEUE_BYTES_MIN // 2)
            await entered(budget, INGEST_QUEUE_BYTES_MIN)
        budget = ByteBudget(10_000 * MIB, line_seconds=0, clock=clock)
        lease = await entered(budget, 1_000 * MIB)
        for _ in range(20):
            clock.now += 1
            lease.resize(lease.held - 20 * MIB)  # 20 MiB a second
        rest = lease.held
        assert rest > 20 * MIB * INGEST_QUEUE_SECONDS
        # One after the other, as fast as room is made; nobody for ever.
        told = []
        for n in range(70):
            clock.now += 0.1
            told.append(await refused(budget, 20 * MIB, n))
        assert told[:5] == [1, 2, 3, 4, 5]
        assert told[-1] == RETRY_AFTER_S_MAX
        # Who is back waits for those alone who came before him.
        assert await refused(budget, 20 * MIB, 2) == 3
        assert await refused(budget, 20 * MIB, 70) == RETRY_AFTER_S_MAX
        clock.now += RETRY_AFTER_S_MAX + INGEST_REFUSED_LATE_SECONDS_MAX + 1
        assert await refused(budget, 20 * MIB, 71) == 1  # the others have given up
        lease.resize(INGEST_QUEUE_BYTES_MIN // 2)
        await entered(budget, INGEST_QUEUE_BYTES_MIN // 2)

    asyncio.run(scenario())


async def in_turn(
    budget: ByteBudget, first: Lease, senders: list[tuple[str, float]], *, looks: Hashable = None
) -> list[str]:
    """Who enters after whom, if each comes so many seconds later, before `first` makes room.

    `looks`: of all their requests; None: each has his own.
    """
    order: list[str] = []

    async def wait(sender: str) -> None:
        lease = await entered(budget, 90, looks or sender, sender)
        order.append(sender)
        lease.close()

    waiting = []
    for sender, seconds in senders:
        budget._clock.now += seconds  # type: ignore[attr-defined]
        waiting.append(asyncio.create_task(wait(sender)))
        await asyncio.sleep(0)
    first.close()
    await asyncio.gather(*waiting)
    return order


def test_whoever_was_refused_and_comes_back_stands_before_who_came_since() -> None:
    async def scenario() -> None:
        budget = ByteBudget(100, line_seconds=0, clock=Clock())
        first = await entered(budget, 90)
        await refused(budget, 90, "early")
        budget._line_seconds = 60
        assert await in_turn(budget, first, [("late", 1), ("early", 1)]) == ["early", "late"]
        # He is not remembered once he has been let in.
        first = await entered(budget, 90)
        assert await in_turn(budget, first, [("late", 0), ("early", 1)]) == ["late", "early"]

    asyncio.run(scenario())


def test_the_time_that_was_waited_in_vain_counts() -> None:
    async def scenario() -> list[str]:
        clock = Clock()
        budget = ByteBudget(100, line_seconds=0.05, clock=clock)
        first = await entered(budget, 90)
        early = asyncio.create_task(refused(budget, 90, "early"))
        await asyncio.sleep(0)
        clock.now += 2
        budget._line_seconds = 60
        late = asyncio.create_task(entered(budget, 90, "late"))
        clock.now += 2
        await early
        order = await in_turn(budget, first, [("early", 0)])
        (await late).close()
        return order

    assert asyncio.run(scenario()) == ["early"]  # it would wait for ever behind the other's lease


@pytest.mark.parametrize("late_s, order", [(0, ["one", "new"]), (0.1, ["new", "one"])])
def test_whoever_comes_back_much_too_late_is_new(late_s: float, order: list[str]) -> None:
    async def scenario() -> list[str]:
        clock = Clock()
        budget = ByteBudget(100, line_seconds=0, clock=clock)
        first = await entered(budget, 90)
        clock.now += INGEST_REFUSED_LATE_SECONDS_MAX + await refused(budget, 90, "one")
        budget._line_seconds = 60
        return await in_turn(budget, first, [("new", late_s), ("one", 0)])

    assert asyncio.run(scenario()) == order


def test_of_those_who_look_alike_each_has_his_place_on_whatever_connection() -> None:
    async def scenario() -> list[str]:
        clock = Clock()
        budget = ByteBudget(100, line_seconds=0, clock=clock)
        first = await entered(budget, 90)
        for connection in ("1", "2", "3"):
            clock.now += 0.1
            await refused(budget, 90, "alike", connection)
        budget._line_seconds = 60
        # 4 is new, for he is here before any of the others could be; 5 is 1 or 3, and 2 himself.
        coming = [("4", 0.1), ("2", 0.1), ("5", 5.0), ("6", 0.0), ("7", 0.0)]
        return await in_turn(budget, first, coming, looks="alike")

    assert asyncio.run(scenario()) == ["5", "2", "6", "4", "7"]


def test_what_a_body_that_does_not_come_holds_says_nothing_of_the_pace() -> None:
    async def scenario() -> list[int]:
        clock = Clock()
        budget = ByteBudget(100 * MIB, line_seconds=0, clock=clock)
        stored = await entered(budget, 40 * MIB)
        clock.now += 2
        stored.close()  # 20 MiB a second
        late = budget.lease()
        await late.enter(90 * MIB)
        told = [await refused(budget, 20 * MIB, "one")]
        clock.now += 1_000
        told.append(await refused(budget, 20 * MIB, "one"))
        late.spare(1 * MIB)  # it is not here yet
        clock.now += 1_000
        (await entered(budget, 20 * MIB)).close()
        late.close()
        (await entered(budget, 90 * MIB)).arrived()
        return [*told, await refused(budget, 20 * MIB, "one")]

    assert asyncio.run(scenario()) == [1, 1, 1]


def test_a_large_request_need_not_wait_until_nobody_is_under_way() -> None:
    async def scenario() -> None:
        budget = ByteBudget(1_000 * MIB, line_seconds=0)
        little = await entered(budget, 1 * MIB)
        large = await entered(budget, 500 * MIB)
        await refused(budget, 1, "next")
        little.close()
        large.close()

    asyncio.run(scenario())


def test_whoever_came_last_makes_way_in_a_full_line() -> None:
    async def scenario() -> None:
        clock = Clock()
        budget = ByteBudget(100, line_seconds=0, line_max=2, clock=clock)
        first = await entered(budget, 90)
        await refused(budget, 90, "early")
        budget._line_seconds = 60
        clock.now += 1
        line = [asyncio.create_task(entered(budget, 90, "middle"))]
        await asyncio.sleep(0)
        clock.now += 1
        last = asyncio.create_task(refused(budget, 90, "last"))
        await asyncio.sleep(0)
        clock.now += 1
        line.append(asyncio.create_task(entered(budget, 90, "early")))
        await last
        assert budget.waiting == 2
        first.close()
        (await line[1]).close()
        (await line[0]).close()
        assert budget.taken == 0

    asyncio.run(scenario())


def test_no_more_senders_are_remembered_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runstore.store.budget.INGEST_REFUSED_MAX", 1)

    async def scenario() -> list[str]:
        budget = ByteBudget(100, line_seconds=0, clock=Clock())
        first = await entered(budget, 90)
        for sender in ("early", "forgotten"):
            await refused(budget, 90, sender)
        budget._line_seconds = 60
        return await in_turn(budget, first, [("new", 1), ("forgotten", 1), ("early", 1)])

    assert asyncio.run(scenario()) == ["early", "new", "forgotten"]


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("senders", [400, 1_000])
def test_all_of_twice_as_much_is_taken_though_writing_halts_now_and_then(
    senders: int, keep_alive: bool
) -> None:
    """Of senders with the SDK's patience: four attempts, ten seconds for each."""
    outcome = overload(senders=senders, bodies=4_000, body_bytes=300_000, keep_alive=keep_alive)
    assert (outcome.taken, outcome.given_up) == (4_000, 0)
    assert outcome.refused > 0
    assert outcome.without_answer < 20  # sent again, and taken twice
