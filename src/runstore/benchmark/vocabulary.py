"""A seed -> English-like text: 40,000 words whose frequencies follow Zipf's law.

Drawing word by word would be most of the generator's time, so text is cut from one long tape of
words drawn once, each cut at its own place; rare words come on top, drawn on their own.
"""

import random
from functools import cache
from itertools import accumulate

WORDS = 40_000
TAPE_WORDS = 1_500_000
_FUNCTION_WORDS = (
    "the of and to a in is it you that for on are with as this be at from have or by not but what "
    "all were when we there can an your which their if do will each about how up out them then "
    "she many some so these would other into has more her two like him see time could no make "
    "than first been its who now people my made over did down only way find use may water long "
    "order customer account please error number request refund delivery payment item thanks"
)
_ONSETS = "b c d f g h l m n p r s t v w br ch cl cr dr fl gr pl pr sh sp st str th tr"
_VOWELS = "a e i o u ai ea ee io ou"
_CODAS = "n r s t l m nd ng nt rt ct st"


class Vocabulary:
    def __init__(self, seed: int) -> None:
        draw = random.Random(f"vocabulary {seed}")
        self.words = _make_words(draw)
        weights = list(accumulate(1.0 / (rank + 2.7) for rank in range(WORDS)))
        self._tape = draw.choices(self.words, cum_weights=weights, k=TAPE_WORDS)

    def text(self, draw: random.Random, words: int) -> str:
        """About `words` words in sentences, one of them from the rare half of the vocabulary."""
        start = draw.randrange(TAPE_WORDS - words)
        taken = self._tape[start : start + words]
        taken[draw.randrange(words)] = self.words[draw.randrange(WORDS // 2, WORDS)]
        for stop in range(11, words, 13):
            taken[stop] += "."
        return " ".join(taken) + "."

    def at_rank(self, rank: int) -> str:
        """0 is the most frequent word."""
        return self.words[rank]


@cache
def vocabulary(seed: int) -> Vocabulary:
    """Made once a process: it takes a second."""
    return Vocabulary(seed)


def _make_words(draw: random.Random) -> list[str]:
    onsets, vowels, codas = _ONSETS.split(), _VOWELS.split(), ["", *_CODAS.split()]
    words = list(dict.fromkeys(_FUNCTION_WORDS.split()))
    known = set(words)
    while len(words) < WORDS:
        syllables = draw.choices((1, 2, 3, 4), (2, 5, 4, 1))[0]
        word = "".join(
            draw.choice(onsets) + draw.choice(vowels) + draw.choice(codas) for _ in range(syllables)
        )
        if len(word) > 3 and word not in known:
            known.add(word)
            words.append(word)
    return words
