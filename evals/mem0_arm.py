"""mem0 as a baseline: `infer=False`, so that it stores what was said, with our embedder and its own local vector store. Not a
dependency: it is looked for in a folder that `pip install --target` filled, behind everything that is installed."""

import asyncio
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from evals.talks import Line, Talk
from inference.onnx.embedder import OnnxEmbedder
from inference.port import Purpose


class _Embedding:
    """The service's model in the form that mem0 calls."""

    def __init__(self, model: OnnxEmbedder) -> None:
        self.model = model
        self.config: Any = None

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return self.embed_batch([text], memory_action)[0]

    def embed_batch(self, texts: Sequence[str], memory_action: str | None = None) -> list[list[float]]:
        purpose = Purpose.QUERY if memory_action == "search" else Purpose.PASSAGE
        return asyncio.run(self.model.embed(list(texts), purpose)).tolist()


class Mem0:
    """A memory of mem0's under `work`, made anew."""

    def __init__(self, installed: Path, work: Path) -> None:
        os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=str(work / "mem0"))
        sys.path.append(str(installed))
        factory: Any = import_module("mem0").Memory

        model = OnnxEmbedder.open(cache=work / "models")
        store = {"path": str(work / "qdrant"), "embedding_model_dims": model.spec.dimension, "on_disk": True}
        config = {
            "vector_store": {"provider": "qdrant", "config": store},
            "history_db_path": str(work / "history.db"),
            # Made, as mem0 wants it, and never asked: infer=False stores what it is given.
            "llm": {"provider": "openai", "config": {"api_key": "unused"}},
            "embedder": {"provider": "openai", "config": {"api_key": "unused"}},
        }
        self._memory: Any = factory.from_config(config)
        self._memory.embedding_model = _Embedding(model)

    def rank(self, talks: Sequence[Talk], limit: int) -> dict[str, Sequence[str]]:
        """Message ids by `<talk>/<question>`, best first."""
        ranked: dict[str, Sequence[str]] = {}
        for talk in talks:
            for line in talk.lines:
                self._memory.add([_message(line)], user_id=talk.id, infer=False, metadata={"line": line.id})
            for asked in talk.asked:
                found = self._memory.search(asked.text, filters={"user_id": talk.id}, top_k=limit, threshold=0.0)
                ranked[f"{talk.id}/{asked.id}"] = [one["metadata"]["line"] for one in found["results"]]
        return ranked


def _message(line: Line) -> dict[str, str]:
    """With the date and the speaker in the text, as our own rows have them: mem0 has no place for either that it searches."""
    when = "" if line.occurred_at is None else f"{line.occurred_at.day} {line.occurred_at:%B %Y}\n"
    return {"role": line.role, "content": f"{when}{line.speaker or line.role}: {line.text}"}
