"""Words of `query` -> a checked filter, by a model. Knows what is asked of it and what is taken
from it; knows no HTTP, and no run: nothing but the words and the time is told.

Source: docs/decisions/0021-translated-queries.md.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from runstore.errors import InvalidRequest, ModelUnavailable, NotTranslated, Overloaded, TooLarge
from runstore.filter.check import compile_filter
from runstore.filter.errors import FilterError
from runstore.filter.prompt import correction, filter_in, question, system_prompt
from runstore.limits import (
    QUERY_MODEL_CHARS_MAX,
    QUERY_MODEL_FILTER_BYTES_MAX,
    QUERY_MODEL_REQUESTS_MAX,
    QUERY_MODEL_SECONDS_MAX,
    RETRY_AFTER_S,
    TRANSLATION_SECONDS,
    TRANSLATIONS_KNOWN_MAX,
)
from runstore.model.times import US_PER_S, text_from_us
from runstore.model.words import tokens
from runstore.store.ingest import Clock

Messages = Sequence[tuple[str, str]]
"""(role, text): "system", then "user" and "assistant" in turn."""

Model = Callable[[Messages], Awaitable[str]]
"""What it says next. Raises ModelUnavailable."""

INSTEAD = 'write a `filter`, such as search("words") for full text'


class Translator:
    """For one event loop. A translation is kept while its time is about now."""

    def __init__(
        self, model: Model, clock: Clock, *, seconds: float = QUERY_MODEL_SECONDS_MAX
    ) -> None:
        self._model = model
        self._clock = clock
        self._seconds = seconds
        self._system = system_prompt()
        self._known: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._under_way = 0

    async def translate(self, words: str) -> str:
        """A filter that compiles, of at most QUERY_MODEL_FILTER_BYTES_MAX.

        Raises InvalidRequest and TooLarge for the words, Overloaded, ModelUnavailable,
        NotTranslated.
        """
        if not tokens(words):
            raise InvalidRequest(f"query {words[:80]!r} has no letter or digit")
        if len(words) > QUERY_MODEL_CHARS_MAX:
            raise TooLarge(
                f"query has {len(words)} characters, at most {QUERY_MODEL_CHARS_MAX} can be"
                " translated",
                QUERY_MODEL_CHARS_MAX,
            )
        step_us = TRANSLATION_SECONDS * US_PER_S
        asked_us = self._clock() // step_us * step_us
        text = self._known.get((words, asked_us))
        if text is None:
            text = self._known[words, asked_us] = await self._ask(words, text_from_us(asked_us))
            if len(self._known) > TRANSLATIONS_KNOWN_MAX:
                self._known.popitem(last=False)
        self._known.move_to_end((words, asked_us))
        return text

    async def _ask(self, words: str, now: str) -> str:
        if self._under_way >= QUERY_MODEL_REQUESTS_MAX:
            raise Overloaded(
                f"{self._under_way} queries are being translated; try again, or {INSTEAD}",
                RETRY_AFTER_S,
            )
        self._under_way += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await self._valid(words, now)
        except TimeoutError as error:
            raise ModelUnavailable(
                f"the model that translates query took more than {self._seconds:g} s; {INSTEAD}"
            ) from error
        finally:
            self._under_way -= 1

    async def _valid(self, words: str, now: str) -> str:
        messages = [("system", self._system), ("user", question(words, now))]
        text = filter_in(await self._model(messages))
        try:
            return _checked(text)
        except ValueError as refused:
            said = text[:QUERY_MODEL_FILTER_BYTES_MAX]
            messages += [("assistant", said), ("user", correction(str(refused)))]
        text = filter_in(await self._model(messages))
        try:
            return _checked(text)
        except ValueError as refused:
            raise NotTranslated(
                f"the model made no valid filter of query; {INSTEAD}. Its last attempt:\n{refused}"
            ) from refused


def _checked(text: str) -> str:
    """Raises ValueError, which tells the model and people what is wrong."""
    size = len(text.encode())
    if size > QUERY_MODEL_FILTER_BYTES_MAX:
        raise ValueError(f"it has {size} bytes, at most {QUERY_MODEL_FILTER_BYTES_MAX} may be")
    try:
        if compile_filter(text, "query") is None:
            raise ValueError("it is empty")
    except FilterError as error:
        raise ValueError(str(error)) from error
    return text
