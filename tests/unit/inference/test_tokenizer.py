"""The token counter against the library it stands on, and on the texts that break counters."""

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from core.errors import Corrupt
from inference.onnx.tokenizer import PIECE_CHARACTERS, VOCABULARY, FileTokenizer, TokenizerFile, TokenizerKind, pieces

REFERENCE = BertWordPieceTokenizer(str(VOCABULARY))
TRICKY = [
    "",
    " ",
    "Hello, World! don't stop-it (ever)…",
    "Crème brûlée, naïve café, Ångström, İstanbul, ŉ, ẞ",
    "e\u0301te\u0301",
    "日本語のテスト、東京です。中文分词",
    "한국어 문장입니다",
    "👩‍👩‍👧 family 🎉🎉 ok",
    "a\x00b\x1fc\u200bd\ufeff e\tf\r\ng",
    "x" * 150,
    "https://example.com/a?b=c&d=%20 user@host_name.org",
    "[SEP] [CLS] text [MASK] [PAD] [UNK]",
    "الكتاب المدرسي हिन्दी भाषा ภาษาไทย",
    "ﬁne № ½ x² Ⅳ \uff21\uff22\uff23",
    "def f(x): return x**2  # comment",
    "word " * 400,
]


@pytest.fixture(scope="module")
def counter() -> FileTokenizer:
    return TokenizerFile().load()


@pytest.mark.parametrize("text", TRICKY)
def test_ids_are_those_of_the_reference(counter: FileTokenizer, text: str) -> None:
    assert counter.window(text, 10_000) == REFERENCE.encode(text).ids
    assert counter.count(text) == len(REFERENCE.encode(text, add_special_tokens=False).ids)


def test_a_long_text_is_cut_to_the_window_and_keeps_its_last_special_token(counter: FileTokenizer) -> None:
    ids = counter.window("word " * 400, 256)
    assert len(ids) == 256
    assert ids == REFERENCE.encode("word " * 254).ids


def test_the_vocabulary_is_the_published_one() -> None:
    digest = hashlib.sha256(VOCABULARY.read_bytes()).hexdigest()
    assert digest == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"


def test_two_special_tokens_frame_a_text(counter: FileTokenizer) -> None:
    assert counter.specials == 2
    assert len(counter.window("", 256)) == 2


@pytest.mark.parametrize(
    "text, words",
    [
        ("naïve café", ["naïve", "café"]),
        ("cafe\u0301 fin", ["cafe\u0301", "fin"]),
        ("日本 ok", ["日", "本", "ok"]),
        ("so 🎉 good", ["so", "🎉", "good"]),
        ("a\x00b  c", ["a\x00b", "c"]),
    ],
)
def test_spans_point_into_the_text_as_it_was_given(counter: FileTokenizer, text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in counter.spans(text)] == words


def test_a_syllable_of_several_tokens_belongs_to_the_last_of_them(counter: FileTokenizer) -> None:
    assert list(counter.spans("한")) == [(0, 0), (0, 0), (0, 1)]


@given(st.text(max_size=400))
def test_spans_ascend_without_overlap_and_count_as_count_does(text: str) -> None:
    counter = shared()
    spans = counter.spans(text)
    assert len(spans) == counter.count(text)
    end = 0
    for start, stop in spans:
        assert end <= start <= stop <= len(text)
        end = stop


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(0, 40))
def test_a_cut_after_any_token_never_takes_more_tokens_than_it_counted(text: str, token: int) -> None:
    counter = shared()
    spans = counter.spans(text)
    if token < len(spans):
        assert counter.count(text[: spans[token][1]]) <= token + 1


def test_a_text_of_many_pieces_has_the_tokens_and_spans_of_the_whole(counter: FileTokenizer) -> None:
    text = "Zoë's straße — 東京 is 42 km/h away.\n" * 1500
    whole = REFERENCE.encode(text, add_special_tokens=False)
    assert len(text) > 5 * PIECE_CHARACTERS
    assert list(counter.spans(text)) == whole.offsets
    assert counter.count(text) == len(whole.ids)


@pytest.mark.parametrize("text", ["x" * 30_000, " " * 30_000, "漢" * 30_000, "ab " * 10_000])
def test_pieces_cover_the_text_and_stay_small(text: str) -> None:
    found = list(pieces(text))
    assert "".join(text[start:end] for start, end in found) == text
    assert max(end - start for start, end in found) <= PIECE_CHARACTERS


def test_a_lone_surrogate_counts_as_the_replacement_character(counter: FileTokenizer) -> None:
    assert counter.window("a \ud800 b", 256) == counter.window("a \ufffd b", 256)


def test_a_subprocess_loads_it_from_a_pickle_without_any_onnx() -> None:
    script = (
        "import pickle, sys; counter = pickle.loads(sys.stdin.buffer.read()).load(); "
        "assert counter.count('hello world') == 2; "
        "assert not {'onnx', 'onnxruntime', 'huggingface_hub'} & set(sys.modules), 'heavy'"
    )
    sent = pickle.dumps(TokenizerFile())
    subprocess.run([sys.executable, "-c", script], input=sent, check=True, cwd=VOCABULARY.parents[2])


def test_the_librarys_json_works_as_well_and_its_padding_is_ignored(tmp_path: Path) -> None:
    saved = BertWordPieceTokenizer(str(VOCABULARY))
    saved.enable_padding(length=128)
    saved.enable_truncation(8)
    saved.save(str(tmp_path / "tokenizer.json"))
    counter = TokenizerFile(path=tmp_path / "tokenizer.json", kind=TokenizerKind.JSON).load()
    assert counter.window(TRICKY[3], 256) == REFERENCE.encode(TRICKY[3]).ids


def test_a_missing_or_broken_file_is_corrupt_and_named(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    for content in (None, "{", '{"version": "1.0"}'):
        if content is not None:
            broken.write_text(content)
        with pytest.raises(Corrupt, match=r"tokenizer\.json") as raised:
            TokenizerFile(path=broken, kind=TokenizerKind.JSON).load()
        assert raised.value.code == "inference.tokenizer_unreadable"


_SHARED: list[FileTokenizer] = []


def shared() -> FileTokenizer:
    """Hypothesis calls a test many times; a fixture of function scope would be refused."""
    if not _SHARED:
        _SHARED.append(TokenizerFile().load())
    return _SHARED[0]
