"""Conversations for tests of compression: messages from (speaker, text), and words as the service counts and analyses them."""

from collections.abc import Sequence
from functools import cache

from engines.analysis import analyse
from inference.onnx.tokenizer import TokenizerFile
from memory.compression.citing import Sentence, Utterance, sentences
from memory.compression.tree import Words


@cache
def language() -> Words:
    return Words(count=TokenizerFile().load().count, terms=lambda text: analyse(text, "english"))


def talk(*said: tuple[str, str], start_s: float | None = 1_700_000_000.0, every_s: float = 60.0) -> list[Utterance]:
    return [
        Utterance(
            message=100 + place,
            seq=place + 1,
            role="user",
            speaker=speaker,
            text=text,
            occurred_s=None if start_s is None else start_s + place * every_s,
        )
        for place, (speaker, text) in enumerate(said)
    ]


def cited(utterances: Sequence[Utterance]) -> tuple[Sentence, ...]:
    return sentences(utterances, count=language().count, terms=language().terms)


def long_talk(sessions: int, messages: int = 12) -> list[Utterance]:
    """Sessions a day apart, each about things of its own."""
    found: list[Utterance] = []
    for session in range(sessions):
        for place in range(messages):
            number = session * messages + place
            text = (
                f"I put the lantern{session} number {number} on shelf s{session}-{place} for the harbour{session} fair. "
                f"It was a windy day, and nobody from crew{place} came. We decided to try lamp{number} again on Friday."
            )
            found.append(
                Utterance(
                    message=1_000 + number,
                    seq=number + 1,
                    role="user",
                    speaker="Ida" if place % 2 else "Bo",
                    text=text,
                    occurred_s=session * 86_400.0 + place * 60.0,
                )
            )
    return found
