"""Other caches on the same streams, beside ours in one run: GPTCache where a folder holds it. RedisVL needs the search module
of Redis, whose absence is told."""

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from evals.cache_play import Tally
from evals.cache_texts import Ask, Vectors
from evals.gptcache_arm import THRESHOLD_DEFAULT, GptCache, threshold_of

REDISVL = "not measured: it needs FT.CREATE, a command of the search module, which the Redis here answers as unknown"


def gptcache_stream(
    installed: Path, asks: Sequence[Ask], embedded: Vectors, *, order: int, requests: int, warm_up: int, cosine: float | None
) -> Tally:
    """What GPTCache serves of a stream, from that cosine on; None is its default."""
    places = list(range(len(asks)))
    random.Random(order).shuffle(places)  # noqa: S311  # a seeded order
    of_text = {ask.text: row for ask, row in zip(asks, embedded, strict=True)}
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder:
        threshold = THRESHOLD_DEFAULT if cosine is None else threshold_of(cosine)
        cache = GptCache(
            installed, Path(folder) / "gptcache", embed=lambda text: of_text.get(text, embedded[0]), threshold=threshold
        )
        for number, place in enumerate(places[:requests]):
            ask = asks[place]
            answer = cache.get(ask.text)
            if number >= warm_up:
                tally.requests += 1
                tally.hits += answer is not None
                tally.wrong += answer is not None and answer != ask.intent
            if answer is None:
                cache.put(ask.text, ask.intent)
    return tally
