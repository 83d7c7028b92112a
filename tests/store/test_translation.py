"""Words -> a checked filter, by a model that is a function here."""

import asyncio
from collections.abc import Sequence

import pytest

from runstore.errors import Overloaded
from runstore.limits import QUERY_MODEL_REQUESTS_MAX, TRANSLATION_SECONDS, TRANSLATIONS_KNOWN_MAX
from runstore.model.times import US_PER_S
from runstore.store.translation import Messages, Translator


class Asked:
    """A model that finds words, and a clock."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.now_us = 1_770_000_000 * US_PER_S // TRANSLATION_SECONDS * TRANSLATION_SECONDS
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def say(self, messages: Messages) -> str:
        await self.may_answer.wait()
        self.questions.append(messages[-1][1])
        return f'search("{messages[-1][1].split()[-1]}")'

    def clock(self) -> int:
        return self.now_us


async def translated(asked: Asked, words: Sequence[str]) -> list[str]:
    translator = Translator(asked.say, asked.clock)
    return [await translator.translate(one) for one in words]


def test_what_was_translated_is_not_asked_again() -> None:
    asked = Asked()
    found = asyncio.run(translated(asked, ["a", "b", "a"]))
    assert found == ['search("a")', 'search("b")', 'search("a")']
    assert len(asked.questions) == 2


def test_the_model_is_told_the_time_and_asked_again_when_it_has_passed() -> None:
    async def ask(asked: Asked) -> None:
        translator = Translator(asked.say, asked.clock)
        await translator.translate("the last hour")
        asked.now_us += TRANSLATION_SECONDS * US_PER_S
        await translator.translate("the last hour")

    asked = Asked()
    asyncio.run(ask(asked))
    first, second = (text.splitlines()[0] for text in asked.questions)
    assert first == "Now: 2026-02-02T02:40:00.000000+00:00"
    assert second == "Now: 2026-02-02T02:41:00.000000+00:00"


def test_only_the_newest_are_kept() -> None:
    asked = Asked()
    words = [f"w{n}" for n in range(TRANSLATIONS_KNOWN_MAX + 1)]
    asyncio.run(translated(asked, [*words, words[-1], words[1], words[0]]))
    assert len(asked.questions) == len(words) + 1, "the first was forgotten"


def test_more_than_so_many_at_once_are_told_to_come_again() -> None:
    async def ask(asked: Asked) -> None:
        translator = Translator(asked.say, asked.clock)
        asked.may_answer.clear()
        tasks = [
            asyncio.create_task(translator.translate(f"w{n}"))
            for n in range(QUERY_MODEL_REQUESTS_MAX)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await translator.translate("one more")
        asked.may_answer.set()
        await asyncio.gather(*tasks)
        await translator.translate("one more")

    asyncio.run(ask(Asked()))
