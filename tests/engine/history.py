"""Random histories of runs and their feedback, told to several engines alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from runstore.engine.base import Engine
from runstore.engine.memory import MemoryEngine
from runstore.engine.sqlite import rollup
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.rollup import HOUR_US, hour_of, us_of
from runstore.model.batch import Batch
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.project import Project
from runstore.model.run import RunMessage
from tests.model.make import T0, S, bare, create, json, record, rid

PROJECTS = (rid(901), rid(902))
HOUR = us_of(hour_of(T0))  # a whole hour
HOURS = (-400_000, -800, -30, -2, -1, 0, 1, 2, 23, 24, 700)  # the first lies before 1970
LATENCIES_US = (-3 * S, 0, 1, 127, 128, 129, S, S + 1, 2 * S, 3_600 * S)
SCORES = (None, 0.0, -0.0, 0.1, 0.2, 1, 1e16, -1e16)
VALUES = (None, None, "good", "bad", 1, True, {"a": "good"})
RUN_TYPES = ("llm", "chain", "tool", None)


@contextmanager
def limits(tail: int) -> Iterator[None]:
    """A short tail, so that small forests are rolled up, and hardly any row remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollup, "ROLLUP_TAIL_MAX", tail)
        patch.setattr(rollup, "ROLLUPS_KNOWN_MAX", 3)
        yield


EVERY = FeedbackQuery(limit=10_000)


@dataclass
class History:
    """Random creates, patches, moves and deletions, told to all engines alike."""

    random: Random
    engines: list[Engine]
    paths: list[tuple[int, ...]] = field(default_factory=list)
    made: int = 0  # runs
    records: list[int] = field(default_factory=list)
    said: int = 0  # of feedback

    def start(self) -> None:
        for number, project_id in enumerate(PROJECTS):
            for engine in self.engines:
                name = f"project {number}"
                engine.create_project(Project(id=project_id, name=name, start_us=0))

    def tell(self, action: Callable[[Engine], object]) -> None:
        for engine in self.engines:
            action(engine)

    def step(self) -> None:
        random = self.random
        roll = random.random()
        if roll < 0.16 and self.records:
            self.change_record()
        if roll < 0.06 and self.paths:
            gone = rid(random.choice(self.paths)[0])
            self.tell(lambda engine: engine.delete_traces([gone]))
            return
        messages = [
            self.patch() if self.paths and random.random() < 0.4 else self.create()
            for _ in range(random.randint(1, 12))
        ]
        feedback = [self.record() for _ in range(random.choice((0, 0, 1, 4)))]
        self.tell(lambda engine: engine.write([Batch(messages=messages, feedback=feedback)], T0))

    def record(self) -> Feedback:
        """On a run, on one that comes later or never, or on a project; new, or said again."""
        random = self.random
        number = random.choice(self.records) if self.records and random.random() < 0.2 else None
        if number is None:
            self.said += 1
            number = 500_000 + self.said
            self.records.append(number)
        place: dict[str, Any] = {}
        if random.random() < 0.95:
            known = self.paths and random.random() < 0.8
            run = random.choice(self.paths)[-1] if known else self.made + random.randint(1, 9)
            place["run_id"] = rid(run)
        if random.random() < 0.2:
            place["trace_id"] = rid(random.choice(self.paths)[0] if self.paths else 1)
        if random.random() < 0.2:
            place["project_id"] = random.choice(PROJECTS)
        return record(
            number,
            random.choice(("user", "judge")),
            score=random.choice(SCORES),
            value=random.choice(VALUES),
            comment=random.choice((None, "", f"comment {self.said}")),
            source={"type": "api", "by": self.said % 30} if random.random() < 0.8 else None,
            extra=random.choice((None, {"error": True}, {"error": 1})),
            created_us=T0 + random.randrange(self.said),  # some at the same time
            **place,
        )

    def change_record(self) -> None:
        record_id = rid(self.random.choice(self.records))
        if not any(record_id == one.id for one in self.engines[0].list_feedback(EVERY)):
            return
        if self.random.random() < 0.5:
            self.tell(lambda engine: engine.delete_feedback(record_id))
            return
        changes: dict[str, object] = {
            "score": self.random.choice(SCORES),
            "value": self.random.choice((None, json("good"), json("new"))),
            "comment": self.random.choice((None, "", "changed")),
        }
        self.tell(lambda engine: engine.update_feedback(record_id, changes))

    def create(self) -> RunMessage:
        self.made += 1
        parent = self.random.choice(self.paths) if self.paths and self.random.random() < 0.6 else ()
        if self.random.random() < 0.1:
            self.made += 1
            parent = (self.made,)  # a root that never comes
        path = (*parent, self.made)
        self.paths.append(path)
        start_us = self.start_us()
        said: dict[str, Any] = {"run_type": self.random.choice(RUN_TYPES), "start_us": start_us}
        if self.random.random() < 0.9:
            said["project_id"] = self.random.choice(PROJECTS)
        return create(*path, **(said | self.ending(start_us)))

    def patch(self) -> RunMessage:
        said = self.ending(self.start_us())
        if self.random.random() < 0.3:
            said["start_us"] = self.start_us()
        if self.random.random() < 0.3:
            said["run_type"] = self.random.choice(RUN_TYPES)
        return bare(self.random.choice(self.paths)[-1], is_patch=True, **said)

    def start_us(self) -> int:
        offset = self.random.choice((-1, 0, 1, 5, HOUR_US // 2))
        return HOUR + self.random.choice(HOURS) * HOUR_US + offset

    def ending(self, start_us: int) -> dict[str, Any]:
        random = self.random
        said: dict[str, Any] = {}
        if random.random() < 0.6:
            said["end_us"] = start_us + random.choice(LATENCIES_US)
        if random.random() < 0.2:
            said["error"] = "broken"
        if random.random() < 0.4:
            tokens = random.randrange(5)
            usage = {"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1}
            said["outputs"] = {"usage_metadata": usage}
        if random.random() < 0.3:
            time = (start_us + random.choice((0, 5_000, 40_000))) // 1000
            said["events"] = [{"name": "new_token", "time": time}]
        return said


def grown(seed: int, folder: Path, tail: int, steps: int = 25) -> History:
    history = History(Random(seed), [MemoryEngine(), SqliteEngine(folder)])
    with limits(tail):
        history.start()
        for _ in range(steps):
            history.step()
    return history
