"""Seeded forests of runs, told by messages in any order: late parents, orphans, patches first,
repeats, runs without dotted order, traces whose root lies below a run of another, traces across
projects, late and early starts.

The words are those of tests/filter/strategies.py, so that random filters meet them.
"""

from copy import copy
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from runstore.model.batch import Batch
from runstore.model.dotted_order import segment
from runstore.model.feedback import Feedback
from runstore.model.jsontext import encode
from runstore.model.run import JsonText, RunMessage
from tests.filter import strategies as words

PROJECT_IDS = tuple(f"00000000-0000-4000-9000-{number:012d}" for number in range(2))
LONG = "w" * 300  # longer than the index keeps
ODD_KEYS = ("k" * 250, "deep.er", "~", "UP per")


class Placed(NamedTuple):
    """A run and its place in a tree."""

    run_id: str
    trace_id: str
    dotted_order: str
    start_us: int
    parent: str | None


@dataclass
class Forest:
    batches: list[Batch]
    places: list[Placed]

    @property
    def run_ids(self) -> tuple[str, ...]:
        return tuple(place.run_id for place in self.places)

    def of(self, *run_ids: str) -> "Forest":
        """What is told of these runs alone."""
        batches = [
            Batch(
                messages=[message for message in batch.messages if message.id in run_ids],
                feedback=[record for record in batch.feedback if record.run_id in run_ids],
            )
            for batch in self.batches
        ]
        return Forest(
            [batch for batch in batches if batch.messages or batch.feedback],
            [place for place in self.places if place.run_id in run_ids],
        )

    def newcomers(self, seed: int = 1, count: int = 20) -> list[Batch]:
        """New runs, of new traces and of those that are there; two a batch."""
        grower = Grower(Random(seed))
        grower.ids = [grower._id() for _ in range(count)]
        tree = list(self.places)
        for run_id in grower.ids:
            tree.append(grower._placed(run_id, tree))
        told = [message for place in tree[-count:] for message in grower._messages(place)]
        return [Batch(messages=told[at : at + 2]) for at in range(0, len(told), 2)]


def forest(seed: int, runs: int = 60) -> Forest:
    return Grower(Random(seed)).grow(runs)


class Grower:
    def __init__(self, random: Random) -> None:
        self.random = random

    def grow(self, runs: int) -> Forest:
        random = self.random
        self.ids = list(words.IDS) + [self._id() for _ in range(max(0, runs - len(words.IDS)))]
        random.shuffle(self.ids)
        tree: list[Placed] = []
        for run_id in self.ids:
            tree.append(self._placed(run_id, tree))
        messages = [message for place in tree for message in self._messages(place)]
        if random.random() < 0.7:
            self._shuffle(messages)
        batches = []
        while messages:
            size = random.randint(1, 40)
            batches.append(Batch(messages=messages[:size], feedback=self._feedback()))
            messages = messages[size:]
        return Forest(batches, tree)

    def _id(self) -> str:
        raw = f"{self.random.getrandbits(128):032x}"
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    def _shuffle(self, messages: list[RunMessage]) -> None:
        """Either wholly, or only a little."""
        if self.random.random() < 0.5:
            self.random.shuffle(messages)
            return
        for _ in range(len(messages) // 4):
            a, b = self.random.randrange(len(messages)), self.random.randrange(len(messages))
            messages[a], messages[b] = messages[b], messages[a]

    def _placed(self, run_id: str, tree: list[Placed]) -> Placed:
        random = self.random
        start_us = self._start_us()
        roll = random.random()
        if not tree or roll < 0.25:
            return self._root(run_id, start_us)
        if roll < 0.32:  # an orphan: its ancestors never come
            above = self._child(self._id(), self._root(self._id(), start_us), start_us)
            return self._child(run_id, above, start_us)
        parent = random.choice(tree[-8:])
        if roll < 0.36:  # told by who takes its parent for a root, wherever that lies
            parent = self._root(parent.run_id, parent.start_us)
        return self._child(run_id, parent, start_us)

    def _root(self, run_id: str, start_us: int | None = None) -> Placed:
        start_us = self._start_us() if start_us is None else start_us
        return Placed(run_id, run_id, segment(start_us, run_id), start_us, None)

    def _child(self, run_id: str, parent: Placed, start_us: int | None = None) -> Placed:
        start_us = self._start_us() if start_us is None else start_us
        order = f"{parent.dotted_order}.{segment(start_us, run_id)}"
        return Placed(run_id, parent.trace_id, order, start_us, parent.run_id)

    def _start_us(self) -> int:
        if self.random.random() < 0.5:
            return self.random.choice(words.STARTS_US)
        return words.STARTS_US[0] + self.random.randrange(-5_000_000, 5_000_000)

    def _latency_us(self) -> int:
        return self.random.choice(words.LATENCIES_US)

    def _messages(self, place: Placed) -> list[RunMessage]:
        random = self.random
        create = RunMessage(
            id=place.run_id,
            is_patch=False,
            start_us=place.start_us,
            parent_run_id=place.parent,
        )
        trace, order = place.trace_id, place.dotted_order
        if random.random() < 0.9:
            create.trace_id, create.dotted_order = trace, order
        self._name_project(create)
        create.name = self._maybe(words.NAMES, 0.9)
        create.run_type = self._maybe(words.RUN_TYPES, 0.9)
        self._fill(create, 0.6)
        patches = [self._patch(create, trace, order) for _ in range(random.choice((0, 0, 1, 1, 2)))]
        if random.random() < 0.06:
            return patches  # the create never comes
        messages = [create, *patches]
        if random.random() < 0.1:
            messages.append(copy(random.choice(messages)))
        return messages

    def _patch(self, create: RunMessage, trace: str, order: str) -> RunMessage:
        patch = RunMessage(id=create.id, is_patch=True)
        if self.random.random() < 0.9:
            patch.trace_id, patch.dotted_order = trace, order
            patch.parent_run_id = create.parent_run_id
        if self.random.random() < 0.3:
            self._name_project(patch)
        self._fill(patch, 0.5)
        patch.end_us = (create.start_us or 0) + self._latency_us()
        return patch

    def _name_project(self, message: RunMessage) -> None:
        if self.random.random() < 0.8:
            message.project_id = self.random.choice(PROJECT_IDS)
        elif self.random.random() < 0.5:
            message.project_name = self.random.choice(words.PROJECTS)

    def _fill(self, message: RunMessage, often: float) -> None:
        random = self.random
        start_us = message.start_us or words.STARTS_US[0]
        if random.random() < often:
            message.end_us = start_us + self._latency_us()
        message.error = self._maybe(words.ERRORS, 0.2)
        message.status = self._maybe((*words.STATUSES, "odd"), 0.1)
        if random.random() < 0.5:
            message.tags = tuple(random.sample(words.TAGS, random.randint(0, 3)))
        message.reference_example_id = self._maybe(words.IDS, 0.2)
        message.inputs = self._payload(often)
        message.outputs = self._outputs(often)
        message.extra = self._extra(often)
        message.events = self._events(0.2, start_us)

    def _maybe(self, values: tuple[Any, ...], often: float) -> Any:
        return self.random.choice(values) if self.random.random() < often else None

    def _value(self, depth: int = 0) -> Any:
        roll = self.random.random()
        if depth < 3 and roll < 0.15:
            return [self._value(depth + 1) for _ in range(self.random.randint(0, 3))]
        if depth < 3 and roll < 0.3:
            return {self._key(): self._value(depth + 1) for _ in range(self.random.randint(0, 2))}
        if roll < 0.35:
            return None
        if roll < 0.38:
            return LONG + self.random.choice(words.TEXTS)
        return self.random.choice(words.VALUES)

    def _key(self) -> str:
        if self.random.random() < 0.05:
            return self.random.choice(ODD_KEYS)
        return self.random.choice(("b", "c", *words.KEYS))

    def _object(self) -> dict[str, Any]:
        return {self._key(): self._value() for _ in range(self.random.randint(0, 4))}

    def _payload(self, often: float) -> JsonText | None:
        return encode(self._object()) if self.random.random() < often else None

    def _outputs(self, often: float) -> JsonText | None:
        if self.random.random() > often:
            return None
        value = self._object()
        if self.random.random() < 0.4:
            value["usage_metadata"] = {
                "input_tokens": self.random.choice(words.TOKEN_COUNTS[:4]),
                "output_tokens": self.random.choice(words.TOKEN_COUNTS),
                "input_token_details": {"cache_read": self.random.choice((0, 1, 10))},
                "total_cost": self.random.choice((None, 0, 0.0000375, 1)),
            }
        return encode(value)

    def _extra(self, often: float) -> JsonText | None:
        if self.random.random() > often:
            return None
        value = self._object()
        if self.random.random() < 0.8:
            value["metadata"] = metadata = self._object()
            if self.random.random() < 0.3:
                metadata["session_id"] = self.random.choice(words.THREADS)
            if self.random.random() < 0.1:
                metadata["ls_is_error_interrupt"] = True
            if self.random.random() < 0.2:
                metadata["ls_model_name"] = "gpt-4o"
        else:
            value.pop("metadata", None)
        return encode(value)

    def _events(self, often: float, start_us: int) -> JsonText | None:
        if self.random.random() > often:
            return None
        names = self.random.choices(("start", "new_token", "end"), k=self.random.randint(0, 3))
        offsets = (start_us // 1000 + self.random.randrange(1000) for _ in names)
        events = zip(names, offsets, strict=True)
        return encode([{"name": name, "time": time} for name, time in events])

    def _feedback(self) -> list[Feedback]:
        random = self.random
        return [
            Feedback(
                id=self._id(),
                run_id=random.choice(self.ids) if random.random() < 0.95 else self._id(),
                project_id=self._maybe(PROJECT_IDS, 0.3),
                key=random.choice(words.FEEDBACK_KEYS),
                score=self._maybe(words.SCORES, 0.7),
                value=encode(random.choice(words.VALUES)) if random.random() < 0.4 else None,
                comment=self._maybe(words.COMMENTS, 0.3),
                source=encode({"type": random.choice(words.SOURCES)}),
                created_us=random.choice(words.STARTS_US),
                modified_us=words.STARTS_US[0],
            )
            for _ in range(random.choice((0, 1, 5)))
        ]
