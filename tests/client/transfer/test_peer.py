"""Pace: never more requests in a window than were said."""

from collections.abc import Iterator

import pytest

from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.sync import Client
from runstore.client.transfer.peer import Peer
from runstore.errors import InvalidArgument


class Clock:
    """Time that passes only in sleep, and one second with each request."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


class Answers:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[float] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(self.clock.now)
        self.clock.now += 1
        return HttpResponse(200, b"[]")

    def stream(self, request: HttpRequest) -> Iterator[bytes]:
        raise AssertionError

    def close(self) -> None: ...


def asking(times: int) -> Steps[int]:
    for _ in range(times):
        yield HttpRequest("GET", "/x")
    return times


@pytest.mark.parametrize(
    ("requests", "sent"),
    [
        (None, [0, 1, 2, 3, 4, 5]),
        (100, [0, 1, 2, 3, 4, 5]),
        (3, [0, 1, 2, 10, 11, 12]),
        (1, [0, 10, 20, 30, 40, 50]),
    ],
)
def test_requests_keep_their_pace(requests: int | None, sent: list[float]) -> None:
    clock = Clock()
    answers = Answers(clock)
    with Client("http://nowhere", transport=answers) as client:  # type: ignore[arg-type]
        peer = Peer(client, requests, clock=clock, sleep=clock.sleep)
        assert peer.run(asking(6)) == 6
    assert answers.sent == sent


def test_less_than_one_request_is_refused() -> None:
    with Client("http://nowhere") as client, pytest.raises(InvalidArgument, match="0 is less"):
        Peer(client, 0)
