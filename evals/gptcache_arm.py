"""GPTCache as a baseline: its own SQLite and FAISS stores, its own decision, our embedder. Not a dependency: it is looked for
in a folder that `pip install --no-deps --target FOLDER gptcache cachetools` filled, behind everything that is installed."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Its default: of the range of its score, which is 4 less the squared distance.
THRESHOLD_DEFAULT = 0.8


class GptCache:
    """A cache of GPTCache's under `work`, made anew. `embed` gives a text's vector, of norm 1."""

    def __init__(
        self, installed: Path, work: Path, *, embed: Callable[[str], NDArray[np.float32]], threshold: float = THRESHOLD_DEFAULT
    ) -> None:
        if str(installed) not in sys.path:
            sys.path.append(str(installed))
        work.mkdir(parents=True)

        def embedded(text: str, **_: object) -> NDArray[np.float32]:
            return embed(text)

        whole: Any = import_module("gptcache")
        manager: Any = import_module("gptcache.manager")
        self._api: Any = import_module("gptcache.adapter.api")
        distance: Any = import_module("gptcache.similarity_evaluation.distance")
        pre: Any = import_module("gptcache.processor.pre")
        dimension = len(embed("of any text"))
        self._cache: Any = whole.Cache()
        self._cache.init(
            pre_embedding_func=pre.get_prompt,
            embedding_func=embedded,
            data_manager=manager.get_data_manager(
                manager.CacheBase("sqlite", sql_url=f"sqlite:///{work / 'gptcache.db'}"),
                manager.VectorBase("faiss", dimension=dimension, index_path=str(work / "faiss.index")),
                max_size=1_000_000,
            ),
            similarity_evaluation=distance.SearchDistanceEvaluation(),
            config=whole.Config(similarity_threshold=threshold),
        )

    def get(self, text: str) -> str | None:
        return self._api.get(text, cache_obj=self._cache)

    def put(self, text: str, answer: str) -> None:
        self._api.put(text, answer, cache_obj=self._cache)


def threshold_of(cosine: float) -> float:
    """Its threshold at which it answers from that cosine on: of 4 - (2 - 2 cosine), over 4."""
    return (1 + cosine) / 2
