"""Threads for calls: what they give back, and how they end."""

import gc
import threading
import weakref

import pytest

from runstore.store.pool import Pool


def test_a_call_gives_its_result_or_its_error() -> None:
    pool = Pool(2, "test")
    assert pool.submit(divmod, 7, 2).result(5) == (3, 1)
    assert pool.submit(int, "11", base=2).result(5) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        pool.submit(int, "x").result(5)
    assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]
    pool.shutdown()


def test_as_many_calls_run_at_once_as_there_are_threads() -> None:
    pool = Pool(3, "test")
    together = threading.Barrier(3, timeout=5)
    calls = [pool.submit(together.wait) for _ in range(3)]
    assert sorted(call.result(5) for call in calls) == [0, 1, 2]
    pool.shutdown()


@pytest.mark.parametrize(("cancel", "done"), [(False, [0, 1, 2, 3]), (True, [0])])
def test_what_waits_when_it_is_closed_is_done_or_cancelled(cancel: bool, done: list[int]) -> None:
    pool = Pool(1, "test")
    begun, gate = threading.Event(), threading.Event()
    seen: list[int] = []

    def work(number: int) -> None:
        begun.set()
        gate.wait(5)
        seen.append(number)

    calls = [pool.submit(work, number) for number in range(4)]
    assert begun.wait(5)
    closing = threading.Thread(target=lambda: pool.shutdown(cancel_futures=cancel))
    closing.start()
    if cancel:
        while not calls[3].cancelled():
            pass
    gate.set()
    closing.join(5)
    assert seen == done
    assert [call.cancelled() for call in calls] == [number not in done for number in range(4)]
    assert not any(thread.is_alive() for thread in pool._threads)


def test_a_closed_pool_takes_nothing() -> None:
    pool = Pool(1, "test")
    pool.shutdown()
    pool.shutdown(cancel_futures=True)
    with pytest.raises(RuntimeError, match="has been closed"):
        pool.submit(abs, -1)


def test_a_call_that_was_cancelled_while_it_waited_is_not_made() -> None:
    pool = Pool(1, "test")
    gate = threading.Event()
    made: list[bool] = []
    pool.submit(gate.wait, 5)
    call = pool.submit(made.append, True)
    assert call.cancel()
    gate.set()
    pool.shutdown()
    assert made == []


def test_nothing_of_a_call_is_kept() -> None:
    class Held:
        pass

    pool = Pool(1, "test")
    held = Held()
    known = weakref.ref(held)
    pool.submit(lambda one: None, held).result(5)
    pool.submit(abs, 1).result(5)  # by now the thread is done with it
    del held
    gc.collect()
    assert known() is None
    pool.shutdown()
