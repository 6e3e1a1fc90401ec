"""Any other model on disk: model.onnx and tokenizer.json, with the small JSON files that sentence-transformers writes beside
them read where they are. Opens no session."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.errors import Corrupt, Invalid
from inference.onnx.model import Pooling
from inference.onnx.tokenizer import TokenizerFile, TokenizerKind
from inference.port import ModelSpec

TOKENS_MAX_DEFAULT = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDirectory:
    """What a directory says about its model. `spec.dimension` is 0: only a run tells."""

    model: Path
    tokenizer: TokenizerFile
    pooling: Pooling
    spec: ModelSpec

    @classmethod
    def read(cls, path: Path, *, query_prefix: str = "", passage_prefix: str = "") -> "ModelDirectory":
        """Invalid when a file is missing, Corrupt when one is not what it must be."""
        pooling = _pooling(path)
        model, tokenizer = _present(path / "model.onnx"), _present(path / "tokenizer.json")
        spec = ModelSpec(
            name=path.resolve().name,
            source_sha256=_digest([*sorted(path.glob("model.onnx*")), tokenizer]),
            recipe=0,
            variant=f"as-given-{pooling}",
            dimension=0,
            tokens_max=_tokens_max(path),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
        )
        file = TokenizerFile(path=tokenizer, kind=TokenizerKind.JSON)
        return cls(model=model, tokenizer=file, pooling=pooling, spec=spec)


def _present(path: Path) -> Path:
    if not path.is_file():
        raise Invalid(
            "inference.model_incomplete",
            f"The model directory {path.parent} has no {path.name}; it must hold model.onnx and tokenizer.json "
            "(optimum-cli export onnx writes both).",
        )
    return path


def _digest(files: list[Path]) -> str:
    """Of every file that decides a vector; weights of large models lie in model.onnx.data or model.onnx_data."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _tokens_max(path: Path) -> int:
    stated = _json(path / "sentence_bert_config.json").get("max_seq_length")
    positions = _json(path / "config.json").get("max_position_embeddings")
    found = stated or positions or TOKENS_MAX_DEFAULT
    if not isinstance(found, int) or found < 3:
        raise Corrupt(
            "inference.model_incomplete", f"The model directory {path} states a window of {found!r} tokens; state 3 or more."
        )
    return found


def _pooling(path: Path) -> Pooling:
    cls_token = _json(path / "1_Pooling" / "config.json").get("pooling_mode_cls_token", False)
    return Pooling.CLS if cls_token is True else Pooling.MEAN


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; empty when there is no such file."""
    if not path.is_file():
        return {}
    try:
        read: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as broken:
        raise Corrupt("inference.model_incomplete", f"{path} is no JSON: {broken}; repair or delete it.") from broken
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}
