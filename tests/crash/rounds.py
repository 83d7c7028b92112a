"""A round: requests from several threads, SIGKILL in their midst, restart, check, send again."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.agents import Agent, Trace
from bench.encode import compress, encode_feedback, encode_run, headers, join
from bench.generate import PATCHED_SHARE, as_patched, as_started, without_nulls
from bench.http import Connection
from bench.server import Server
from bench.vocabulary import Vocabulary

from runstore.model.times import us_from_text
from runstore.store.verify import verify_folder
from tests.crash.ledger import MARK_KEY, Expected, Ledger, problems

SENDERS = 4
OPERATIONS_PER_BODY = 20  # small, so that a kill falls between and into many requests
KILL_AFTER_S = (0.0, 0.8)  # after the first answer of the round
FIRST_ANSWER_SECONDS_MAX = 20.0
START_US = us_from_text("2026-11-01T00:00:00Z")

Acknowledge = Callable[[], None]


@dataclass(slots=True)
class Request:
    body: bytes
    size_before: int
    on_acknowledged: list[Acknowledge]
    acknowledged: bool = False


@dataclass(slots=True)
class Outcome:
    """What a round came to."""

    requests: int = 0
    acknowledged: int = 0
    broken: int = 0  # under way when the server died
    problems: list[str] = field(default_factory=list)


def damages(data: Path, *, fast: bool = False) -> list[str]:
    """What `runstore check` finds wrong with a folder."""
    return [
        f"{found.name}: {problem}"
        for found in verify_folder(data, fast=fast)
        for problem in found.problems
        # A killed server leaves content of requests it had refused; the next start removes it.
        if not (fast and found.name == "strays")
    ]


class Rounds:
    """Kills one server on one folder, again and again."""

    def __init__(self, server: Server, seed: int, runs_per_round: int) -> None:
        self._server = server
        self._draw = random.Random(f"crash {seed}")
        self._agent = Agent(seed, Vocabulary(seed))
        self._runs_per_round = runs_per_round
        self.ledger = Ledger()

    def use(self, server: Server) -> None:
        """Another process on the same folder from now on."""
        self._server = server

    def run(self, number: int) -> Outcome:
        mark = f"mark{number:04d}x"
        waiting = list(self._requests(mark))
        sent = self._send_until_killed(waiting)
        outcome = Outcome(
            requests=len(waiting),
            acknowledged=sum(request.acknowledged for request in waiting),
            broken=sum(not request.acknowledged for request in sent),
        )
        outcome.problems = damages(self._server.data, fast=True)
        self._server.start()
        outcome.problems += problems(self._server.port, self.ledger, mark)
        # The SDK sends again what broke off; parts of it may have been stored the first time.
        with Connection(self._server.port) as connection:
            for request in sent:
                if not request.acknowledged:
                    _send(connection, request)
        return outcome

    def check_everything(self) -> list[str]:
        return problems(self._server.port, self.ledger)

    def _send_until_killed(self, waiting: list[Request]) -> list[Request]:
        """The requests that were sent, answered or not."""
        sent: list[Request] = []
        refused: list[AssertionError] = []
        hand_out = threading.Lock()
        left = iter(waiting)

        def sender() -> None:
            try:
                with Connection(self._server.port) as connection:
                    while True:
                        with hand_out:
                            request = next(left, None)
                            if request is None:
                                return
                            sent.append(request)
                        _send(connection, request)
            except OSError:
                return  # the server is dead
            except AssertionError as error:
                refused.append(error)

        senders = [threading.Thread(target=sender) for _ in range(SENDERS)]
        for thread in senders:
            thread.start()
        deadline = time.monotonic() + FIRST_ANSWER_SECONDS_MAX
        while not any(request.acknowledged for request in waiting):
            assert time.monotonic() < deadline, f"no answer yet\n{self._server.log()[-2_000:]}"
            time.sleep(0.005)
        time.sleep(self._draw.uniform(*KILL_AFTER_S))
        self._server.kill()
        for thread in senders:
            thread.join()
        if refused:
            raise refused[0]
        return sent

    def _requests(self, mark: str) -> Iterator[Request]:
        """Bodies of creates, patches and feedback; a patch is in a later body than its create."""
        operations: list[tuple[bytes, Acknowledge]] = []
        patches: list[tuple[bytes, Acknowledge]] = []
        for trace in self._traces(mark):
            for run in trace.runs:
                in_one = self._draw.random() >= PATCHED_SHARE
                expected = Expected(run, in_one, mark)
                self.ledger.runs[run["id"]] = expected
                create = without_nulls(run) if in_one else as_started(run)
                operations.append((encode_run("post", create), _setter(expected, "created")))
                if not in_one:
                    patch = encode_run("patch", as_patched(run))
                    patches.append((patch, _setter(expected, "patched")))
            for feedback in trace.feedback:
                if feedback["key"] == "user_score":
                    expected = self.ledger.runs[feedback["run_id"]]
                    expected.score = feedback["score"]
                    operations.append((encode_feedback(feedback), _setter(expected, "scored")))
            while len(operations) >= OPERATIONS_PER_BODY:
                yield _request(operations[:OPERATIONS_PER_BODY])
                operations = patches + operations[OPERATIONS_PER_BODY:]
                patches = []
        for rest in (operations, patches):
            if rest:
                yield _request(rest)

    def _traces(self, mark: str) -> Iterator[Trace]:
        runs = 0
        while runs < self._runs_per_round:
            talk = self._agent.new_conversation()
            trace = self._agent.turn(talk, START_US + self._draw.randrange(10**12))
            for run in trace.runs:
                run["tags"].append(mark)
                run["extra"]["metadata"][MARK_KEY] = mark
            runs += len(trace.runs)
            yield trace


def _setter(expected: Expected, name: str) -> Acknowledge:
    return lambda: setattr(expected, name, True)


def _request(operations: list[tuple[bytes, Acknowledge]]) -> Request:
    body = join(parts for parts, _ in operations)
    return Request(compress(body), len(body), [acknowledge for _, acknowledge in operations])


def _send(connection: Connection, request: Request) -> None:
    """Raises OSError when the server dies."""
    fields = headers(request.size_before, len(request.body))
    answer = connection.request("POST", "/runs/multipart", request.body, fields)
    assert answer.status == 202, f"{answer.status} {answer.body[:500]!r}"
    assert b'"refused"' not in answer.body, answer.body[:500]
    request.acknowledged = True
    for acknowledge in request.on_acknowledged:
        acknowledge()
