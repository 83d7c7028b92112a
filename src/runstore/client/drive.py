"""What is I/O-free, driven, async and blocking: a call over a transport, a request over attempts.

Faults of a transport are thrown into the call, which may act.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from runstore.client.exchange import Answer, Ask, Failure, Reply, Tick, Wait, exchange
from runstore.client.http import (
    AsyncSender,
    HttpRequest,
    HttpResponse,
    Steps,
    SyncSender,
    T,
)
from runstore.errors import RunstoreError


async def drive_async(steps: Steps[T], sender: AsyncSender) -> T:
    """Raises what the call raises: by default whatever the transport does."""
    try:
        request = next(steps)
        while True:
            try:
                response = await sender.send(request)
            except RunstoreError as error:
                request = steps.throw(error)
            else:
                request = steps.send(response)
    except StopIteration as done:
        result: T = done.value
        return result


def drive(steps: Steps[T], sender: SyncSender) -> T:
    """The same, blocking."""
    try:
        request = next(steps)
        while True:
            try:
                response = sender.send(request)
            except RunstoreError as error:
                request = steps.throw(error)
            else:
                request = steps.send(response)
    except StopIteration as done:
        result: T = done.value
        return result


async def attempt_async(
    request: HttpRequest, target: str, once: Callable[[], Awaitable[Answer | Failure]]
) -> HttpResponse:
    """`once` again and again, as exchange.py has it. `target` is for messages."""
    steps = exchange(request, target)
    step = next(steps)
    while True:
        reply: Reply
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            reply = None
        elif isinstance(step, Ask):
            reply = _tick()
        else:
            reply = await once()
        try:
            step = steps.send(reply)
        except StopIteration as done:
            answered: HttpResponse = done.value
            return answered


def attempt(
    request: HttpRequest, target: str, once: Callable[[], Answer | Failure]
) -> HttpResponse:
    """The same, blocking."""
    steps = exchange(request, target)
    step = next(steps)
    while True:
        reply: Reply
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            reply = None
        elif isinstance(step, Ask):
            reply = _tick()
        else:
            reply = once()
        try:
            step = steps.send(reply)
        except StopIteration as done:
            answered: HttpResponse = done.value
            return answered


def _tick() -> Tick:
    return Tick(datetime.now(UTC), random.random())
