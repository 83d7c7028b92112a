"""ByteBudget: what overdraws it is refused, what closes gives back."""

import pytest

from runstore.errors import Overloaded
from runstore.store.budget import ByteBudget


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
