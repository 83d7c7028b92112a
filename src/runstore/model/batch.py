"""What one ingest request brought, decoded."""

from dataclasses import dataclass, field
from typing import Any

from runstore.model.feedback import Feedback
from runstore.model.run import Refusal, RunMessage


@dataclass(slots=True)
class Batch:
    """What one request brought. The good part is stored even if some of it is refused."""

    messages: list[RunMessage] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    values: dict[int, Any] = field(default_factory=dict)
    """What payloads of `messages` decode to, by id() of their texts, as far as the decoder had to
    look; spares whoever derives from them a second look. Values may be changed by that."""

    @property
    def message_count(self) -> int:
        return len(self.messages)

    def byte_size(self) -> int:
        """About what it holds in memory, in bytes."""
        return 1_000 * len(self.messages) + sum(
            len(payload)
            for message in self.messages
            for payload in (message.inputs, message.outputs, message.extra, message.events)
            if payload is not None
        )
