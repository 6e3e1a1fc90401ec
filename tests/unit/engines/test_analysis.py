"""What becomes of words: each rule of engines/analysis.py, and its speed."""

import threading
import time

import pytest

from core.errors import Invalid
from engines.analysis import LANGUAGES, WORD_CHARACTERS_MAX, analyse, known_words


def shares(document: str, query: str, language: str = "english") -> bool:
    """Whether every term of the query is one of the document."""
    terms = analyse(query, language)
    return bool(terms) and set(terms) <= set(analyse(document, language))


def test_words_are_folded_and_stemmed_and_keep_their_order_and_number() -> None:
    assert analyse("Running RUNS; the Libraries, running", "english") == ["run", "run", "librari", "run"]


def test_stop_words_go_before_stemming_and_only_where_the_language_has_a_list() -> None:
    assert analyse("this is being what it was", "english") == []
    assert analyse("das Haus und der Garten", "german") == ["haus", "gart"]
    assert analyse("the of", "none") == ["the", "of"]


@pytest.mark.parametrize(
    "document, query, language",
    [
        ("Café Müller", "cafe muller", "none"),
        ("\uff26\uff35\uff2c\uff2c\u3000\uff37\uff49\uff44\uff45", "full wide", "none"),
        ("ﬁnance o\u0301", "finance ó", "none"),
        ("STRASSE", "straße", "german"),
        ("les sociétés générales", "societe generale", "french"),
        ("Łódź smørrebrød", "lodz smorrebrod", "none"),
        ("İSTANBUL", "istanbul", "turkish"),
        ("co\u00adoperate", "cooperate", "english"),
        ("don\u2019t the company\u2019s", "company", "english"),
        ("высокие горы", "высокий", "russian"),
    ],
)
def test_what_people_write_differently_meets(document: str, query: str, language: str) -> None:
    assert shares(document, query, language)


@pytest.mark.parametrize(
    "identifier, queries",
    [
        ("ERR-4711", ["ERR-4711", "err-4711", "err", "4711", "err 4711"]),
        ("v2.3", ["v2.3", "V2.3", "v2"]),
        ("10-K", ["10-K", "10-k", "10", "k"]),
        ("user_id", ["user_id", "user", "id"]),
        ("ann@corp.com", ["ann@corp.com", "ann", "corp"]),
        ("U.S.", ["u.s.", "U.S", "u"]),
        ("2024-05-01", ["2024-05-01", "2024"]),
        ("10.1.2.3", ["10.1.2.3"]),
        ("C++", ["c++"]),
        ("high-speed", ["high speed", "high-speed"]),
        ("1,234,567.89", ["1234567.89", "1,234,567.89"]),
        ("$1,577.00", ["1577.00", "1577"]),
    ],
)
def test_an_identifier_is_found_whole_and_by_its_parts(identifier: str, queries: list[str]) -> None:
    for query in queries:
        assert shares(f"see {identifier}, please", query), query


def test_an_identifier_is_told_from_its_parts_standing_apart() -> None:
    assert "err-4711" in analyse("ERR-4711", "english")
    assert "err-4711" not in analyse("err or 4711", "english")
    assert "c++" not in analyse("c", "english")


def test_long_runs_are_analysed_and_not_remembered() -> None:
    analyse("word " + "x" * 100_000 + " " + "水火" * 50_000, "yiddish")
    assert known_words("yiddish") <= {"", "word"}


def test_rows_of_numbers_are_found_by_each_number() -> None:
    assert shares("100,200,300", "200")
    assert shares("revenue 123,456,789", "123456789")
    assert analyse("1,234,567", "english") == ["1234567"]
    numbers = [str(number) for number in range(100, 1_000)]
    assert set(numbers) <= set(analyse(",".join(numbers), "english"))


@pytest.mark.parametrize("unit", ["100,", "1,111,", "a-", "a.b@", "1.", "__", "c+", "'", "é,", "水1"])
def test_no_text_takes_more_than_linear_time(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    started = time.thread_time()
    analyse(text, "english")
    assert time.thread_time() - started < 3


def test_a_compound_without_digits_is_its_parts_alone() -> None:
    assert analyse("high-speed", "english") == ["high", "speed"]


def test_scripts_without_spaces_become_bigrams_in_every_language() -> None:
    for language in ("cjk", "english", "none"):
        assert analyse("東京都の人", language) == ["東京", "京都", "都の", "の人"]
        assert shares("私は東京都に住んでいます", "東京", language)
        assert shares("ข้อมูลส่วนบุคคล", "บุคคล", language)
    assert analyse("水", "cjk") == ["水"]
    assert analyse("GPT4モデル v2", "cjk") == ["gpt4", "モデ", "デル", "v2"]


def test_words_of_indic_scripts_are_not_cut_at_their_vowel_signs() -> None:
    assert analyse("हिन्दी भाषा", "none") == ["हिन्दी", "भाषा"]


def test_words_are_bounded_alike_in_rows_and_queries() -> None:
    blob = "a1b2" * 5_000
    assert all(len(term) <= WORD_CHARACTERS_MAX for term in analyse(f"{blob} x_{blob}", "english"))
    assert shares(blob, blob)
    assert len(analyse("/".join(f"part{place}" for place in range(50)), "none")) == 50


@pytest.mark.parametrize("text", ["", "   ", "…—!?", "\u0301 \u200b\ufeff", "\ud800", "___", "\x00\x07"])
def test_what_holds_no_word_gives_no_term(text: str) -> None:
    assert analyse(text, "english") == []


def test_terms_hold_no_white_space_because_engines_split_there() -> None:
    spaces = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    for term in analyse(f"a{spaces}b".join("cdefg") + "\u00a0x\u2028y", "none"):
        assert term.split() == [term]


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid, match=r"klingon.*english"):
        analyse("x", "klingon")
    assert {"english", "german", "cjk", "none"} <= LANGUAGES


def test_threads_do_not_share_stemmers() -> None:
    words = [f"{stem}{ending}" for stem in ("connect", "relat", "oper") for ending in ("ed", "ing", "ions", "ional")]
    expected = {language: analyse(" ".join(words * 20), language) for language in ("english", "german", "french")}
    wrong: list[str] = []

    def work(language: str) -> None:
        wrong.extend(language for _ in range(30) if analyse(" ".join(words * 20), language) != expected[language])

    threads = [threading.Thread(target=work, args=(language,)) for language in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_megabyte_takes_less_than_a_second() -> None:
    words = [
        f"{stem}{number % 977}" if number % 5 else f"{stem}ing" for number, stem in enumerate(["flow", "über", "wing"] * 7_000)
    ]
    text = " ".join(words * 6)[:1_000_000]
    started = time.thread_time()
    assert len(analyse(text, "english")) > 50_000
    assert time.thread_time() - started < 1.0
