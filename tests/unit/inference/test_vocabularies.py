"""Token counts against OpenAI's own library, and the bound against every tokenizer there is here."""

import base64
import gzip
import random
from importlib.metadata import distribution
from pathlib import Path

import pytest
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import Invalid
from inference.onnx.tokenizer import sound
from inference.vocabularies import BUILT_IN, PIECE_CHARACTERS, CarriedVocabularies, Utf8Bound

VOCABULARIES = CarriedVocabularies()
EXACT = ("o200k_base", "cl100k_base", BUILT_IN)
RISKY = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("aB1 .,'\n\r\t\u00a0\u200d\ufe0f\u0301\u0958\ufb2c\ufdfaİßǆ한글中文ไทย😀👩🏽\U0001d160"),
    ),
    max_size=200,
)


def oracle(name: str) -> tiktoken.Encoding:
    """OpenAI's library with the ranks of the wheel and the patterns of the library itself."""
    file = distribution("bpe-openai").locate_file(f"bpe_openai/data/{name}.tiktoken.gz")
    with gzip.open(Path(str(file)), "rb") as lines:
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    return tiktoken.Encoding(name, pat_str=PATTERNS[name], mergeable_ranks=ranks, special_tokens={})


LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERNS = {
    "o200k_base": "|".join(
        [
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + LETTERS,
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + LETTERS,
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        ]
    ),
    "cl100k_base": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
    r"|\s*[\r\n]|\s+(?!\S)|\s",
}


@pytest.fixture(scope="module")
def oracles() -> dict[str, tiktoken.Encoding]:
    return {name: oracle(name) for name in PATTERNS}


@pytest.mark.timeout(60)  # builds two tables of 200,000 entries
@pytest.mark.parametrize("name", sorted(PATTERNS))
@settings(max_examples=400, deadline=None)
@given(text=RISKY)
def test_an_openai_vocabulary_counts_what_openais_library_counts(
    name: str, text: str, oracles: dict[str, tiktoken.Encoding]
) -> None:
    assert VOCABULARIES.named(name).count(text) == len(oracles[name].encode_ordinary(sound(text)))


@pytest.mark.timeout(60)  # builds a table of 200,000 entries
def test_a_text_counted_in_parts_has_the_count_of_the_whole(oracles: dict[str, tiktoken.Encoding]) -> None:
    chance = random.Random(3)
    words = [" alpha", "Beta.", "12345", "\n", "\n\n", " ", "—", "'ll", "/", "日本"]
    text = "".join(chance.choice(words) for _ in range(PIECE_CHARACTERS))
    assert len(text) > 2.5 * PIECE_CHARACTERS
    assert VOCABULARIES.named("o200k_base").count(text) == len(oracles["o200k_base"].encode_ordinary(text))


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=400, deadline=None)
@given(text=RISKY)
@example(text="\ufdfa" * 50)
@example(text="")
def test_the_bound_is_never_below_an_exact_count(name: str, text: str) -> None:
    assert Utf8Bound().count(text) >= VOCABULARIES.named(name).count(text)


@settings(max_examples=400, deadline=None)
@given(text=RISKY, other=RISKY)
def test_the_bound_of_a_whole_is_at_most_that_of_its_parts(text: str, other: str) -> None:
    assert Utf8Bound().count(f"{text}\n{other}") <= Utf8Bound().count(f"{text}\n") + Utf8Bound().count(other) + 1


@pytest.mark.parametrize(
    "name, counted",
    [
        (None, "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("openai/gpt-5", "o200k_base"),
        ("GPT-4", "cl100k_base"),
        ("gpt-4.1", "o200k_base"),
        ("gpt-4.7", "utf8_bytes"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("o1-preview", "o200k_base"),
        ("o1000", "utf8_bytes"),
        ("all-MiniLM-L6-v2", BUILT_IN),
        ("some-model-of-next-year", "utf8_bytes"),
    ],
)
def test_a_name_finds_its_vocabulary_or_the_bound(name: str | None, counted: str) -> None:
    found = VOCABULARIES.named(name)
    assert (found.name, found.exact) == (counted, counted != "utf8_bytes")


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a b", "\x00", "../../etc"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="tokenizer"):
        VOCABULARIES.named(name)


def test_a_tokenizer_of_ones_own_is_counted_exactly(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "hello": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]  # untyped property
    tokenizer.save(str(tmp_path / "mine.json"))
    found = CarriedVocabularies(files={"Mine": tmp_path / "mine.json"}).named("mine")
    assert (found.name, found.exact, found.count("hello hello, world")) == ("mine", True, 4)


def test_a_vocabulary_is_loaded_once() -> None:
    assert VOCABULARIES.named("gpt-4o") is VOCABULARIES.named("o200k_base")
