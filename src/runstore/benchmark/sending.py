"""Generated bodies -> a server, over several connections at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from runstore.benchmark.encode import headers
from runstore.benchmark.generate import Bodies, Body
from runstore.benchmark.sender import post
from runstore.client.http import SyncSender
from runstore.errors import RunstoreError

OnSent = Callable[[Body, float], None]
"""Called from any thread with what was accepted, and how many seconds that took, waits included."""
OpenSender = Callable[[], AbstractContextManager[SyncSender]]


def send_body(sender: SyncSender, bodies: Bodies, body: Body) -> None:
    """Raises what the transport raises."""
    post(sender, body.path, bodies.read(body), headers(body.size_before, body.size, bodies.form))


def send_bodies(
    bodies: Bodies, chosen: list[Body], connections: int, open_sender: OpenSender, on_sent: OnSent
) -> None:
    """Each body once, and waits for the last answer. Raises the first thing that went wrong."""
    waiting = iter(chosen)
    hand_out = threading.Lock()
    failures: list[BaseException] = []

    def send_all() -> None:
        try:
            with open_sender() as sender:
                while not failures and (body := _next(waiting, hand_out)) is not None:
                    began = time.perf_counter()
                    send_body(sender, bodies, body)
                    on_sent(body, time.perf_counter() - began)
        except (OSError, RunstoreError) as error:
            failures.append(error)

    senders = [threading.Thread(target=send_all, daemon=True) for _ in range(connections)]
    for thread in senders:
        thread.start()
    try:
        for thread in senders:
            thread.join()
    except KeyboardInterrupt as error:
        failures.append(error)  # nothing is sent after we are gone
        for thread in senders:
            thread.join()
    if failures:
        raise failures[0]


def _next(waiting: Iterator[Body], hand_out: threading.Lock) -> Body | None:
    with hand_out:
        return next(waiting, None)
