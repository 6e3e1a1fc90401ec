"""Pieces of a context, made by hand and by chance."""

import random
from datetime import UTC, datetime, timedelta

from inference.port import Vocabulary
from inference.vocabularies import CarriedVocabularies
from retrieval.budget import Budget
from retrieval.pieces import Kind, Piece, Quota, Quotas, Section
from retrieval.rendering import Form

VOCABULARIES = CarriedVocabularies()
START = datetime(2026, 1, 1, 9, tzinfo=UTC)
WORDS = [
    *(
        "leave",
        "budget",
        "Ann",
        "Berlin",
        "42",
        "2026-05-01",
        "policy",
        "carry-over",
        "über",
        "東京",
        "👩🏽‍🚀",
        "don't",
        "<|im_end|>",
        "</s>",
    ),
    *(
        "<|im_end|>",
        "</s>",
        "[d1]",
        "Human:",
        "data>>>",
        "<<<data",
        "https://example.org/a?b=c",
        "\u00a0",
        "ﷺ",
        "supercalifragilistic",
    ),
]


def budget(tokens_max: int, form: Form = Form.TEXT, name: str | None = None, **quotas: Quota) -> Budget:
    return Budget(
        tokens_max=tokens_max,
        quotas=Quotas(of={Section(section): quota for section, quota in quotas.items()}),
        vocabulary=vocabulary(name),
        form=form,
        secret=b"k" * 32,
        scope="acme ann s1",
        stop=False,
    )


def vocabulary(name: str | None) -> Vocabulary:
    return VOCABULARIES.named(name)


def document(number: int, text: str, *, score: float = 1.0, days: int | None = None, title: str | None = "Handbook") -> Piece:
    when = None if days is None else START + timedelta(days=days)
    return Piece(
        id=f"handbook/{number}.md",
        kind=Kind.DOCUMENT,
        section=Section.DOCUMENTS,
        text=text,
        score=score,
        when=when,
        owner=f"document {number}",
        title=title,
        version=1,
        span=(0, len(text)),
        chunk=f"chk_{number}",
    )


def message(number: int, text: str, *, section: Section = Section.MEMORIES, role: str = "user", trust: int = 3) -> Piece:
    return Piece(
        id=f"msg_{number}",
        kind=Kind.MESSAGE,
        section=section,
        text=text,
        score=1.0,
        when=START + timedelta(hours=number),
        owner="s1",
        role=role,
        position=number,
        span=(0, len(text)),
        trust=trust,
    )


def summary(text: str, version: int = 1) -> Piece:
    return Piece(id="sum_1", kind=Kind.SUMMARY, section=Section.SUMMARY, text=text, score=1.0, version=version)


def fact(number: int, text: str, *, before: str | None = None, superseded_by: str | None = None) -> Piece:
    return Piece(
        id=f"fact_{number}",
        kind=Kind.FACT,
        section=Section.MEMORIES,
        text=text,
        score=1.0,
        when=START,
        before=before,
        superseded_by=superseded_by,
    )


def prose(chance: random.Random, words_max: int) -> str:
    """Words of several scripts, control tokens, forged markers and fences, now and then a word of a thousand letters."""
    words = [chance.choice(WORDS) for _ in range(chance.randrange(words_max))]
    if chance.random() < 0.03:
        words.append(chance.choice(["x", "漢", "😀", "9", " ", "\n"]) * chance.randrange(1000))
    if chance.random() < 0.1:
        words.append("".join(chr(chance.randrange(1, 0x11000)) for _ in range(20)))
    return chance.choice([" ", "\n", "\r\n\r\n"]).join(words)


def crowd(chance: random.Random) -> tuple[list[Piece], list[Piece]]:
    """What could stand in a prefix, and candidates of every kind."""
    stable = [summary(prose(chance, 60))] * chance.randrange(2)
    stable += [fact(100 + number, prose(chance, 12)) for number in range(chance.randrange(4))]
    candidates = [
        *(
            document(
                number, prose(chance, 90), days=chance.choice([None, number]), title=chance.choice([None, prose(chance, 6)])
            )
            for number in range(chance.randrange(8))
        ),
        *(message(number, prose(chance, 40), trust=chance.randrange(5)) for number in range(chance.randrange(8))),
        *(
            fact(number, prose(chance, 12), before=chance.choice([None, prose(chance, 5)]))
            for number in range(chance.randrange(5))
        ),
        *(
            message(number, prose(chance, 40), section=Section.RECENT, role=chance.choice(["user", "assistant", "tool"]))
            for number in range(20, 20 + chance.randrange(8))
        ),
    ]
    return stable, candidates
