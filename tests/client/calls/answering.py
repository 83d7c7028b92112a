"""Drives a call without a transport: a function answers, and what was asked is kept."""

from collections.abc import Callable
from typing import Any

from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.errors import RunstoreError

Answerer = Callable[[HttpRequest], HttpResponse]


def run_steps(steps: Steps[Any], answer: Answerer) -> tuple[Any, list[HttpRequest]]:
    """The call's result and its requests. Errors that `answer` raises go into the call."""
    sent: list[HttpRequest] = []
    try:
        request = next(steps)
        while True:
            sent.append(request)
            try:
                reply = answer(request)
            except RunstoreError as error:
                request = steps.throw(error)
            else:
                request = steps.send(reply)
    except StopIteration as done:
        return done.value, sent


def always(reply: HttpResponse | RunstoreError | bytes) -> Answerer:
    def answer(request: HttpRequest) -> HttpResponse:
        if isinstance(reply, RunstoreError):
            raise reply
        return HttpResponse(200, reply) if isinstance(reply, bytes) else reply

    return answer


def in_turn(*replies: HttpResponse | RunstoreError | bytes) -> Answerer:
    left = list(replies)
    return lambda request: always(left.pop(0))(request)
