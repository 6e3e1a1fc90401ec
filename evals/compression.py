"""What is left of a conversation at 4:1, 8:1 and 16:1: gold evidence turns and answer strings of the development conversations,
by the tree, against keep-the-last-N and random sentences of the same size. Of the pure code; with --service over HTTP too."""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.analysis import analyse
from evals.locomo import Conversation, conversations, words
from evals.provenance import provenance
from evals.served_compression import served
from inference.onnx.tokenizer import TokenizerFile
from memory.compression import tree
from memory.compression.citing import Sentence, Utterance, sentences
from memory.compression.claims import claims, support

RATIOS = (4, 8, 16)
SEEDS = (1, 2, 3, 4, 5)
# Figures may fall by so much before this fails.
DROP_MAX = 0.01
BASELINE = Path(__file__).resolve().parent / "baselines" / "compression.json"

Pick = Callable[["Case", int], Sequence[Sentence]]
Figures = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One conversation, made ready: its sentences, its tree, what must be found again."""

    utterances: tuple[Utterance, ...]
    sentences: tuple[Sentence, ...]
    levels: tuple[tuple[tree.Node, ...], ...]
    evidence: frozenset[int]
    answers: tuple[str, ...]

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.sentences)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    started = time.process_time()
    language = _language()
    cases = [case(one, language) for one in conversations()[: options.conversations]]
    spent = {"build": round(time.process_time() - started, 1)}
    figures = {name: measure(cases, pick) for name, pick in arms().items()}
    faults = {"unsupported_numbers": unsupported(cases), "different_bytes": different(cases)}
    if options.service:
        figures["service"], found = through_service(cases)
        faults |= found
    print(table(figures), faults, spent, sep="\n")
    if options.write_baselines:
        content = {"conversations": len(cases), "figures": figures, "faults": faults, "cpu_seconds": spent, **provenance()}
        BASELINE.write_text(json.dumps(content, indent=1) + "\n")
        print("wrote", BASELINE.name)
        return 0
    fallen: Sequence[str] = () if options.conversations else drops(figures)
    print("\n".join(["fallen since the committed baselines:", *fallen]) if fallen else "no figure fell")
    return 1 if fallen or any(faults.values()) else 0


def case(conversation: Conversation, language: tree.Words) -> Case:
    """The whole talk as one session."""
    utterances = tuple(
        Utterance(
            message=place + 1,
            seq=place + 1,
            role="user",
            speaker=turn.speaker,
            text=turn.text,
            occurred_s=turn.occurred_at.timestamp(),
        )
        for place, turn in enumerate(conversation.turns)
    )
    places = {turn.id: place + 1 for place, turn in enumerate(conversation.turns)}
    everything = words(" ".join(turn.text for turn in conversation.turns))
    return Case(
        utterances=utterances,
        sentences=sentences(utterances, count=language.count, terms=language.terms),
        levels=tree.levels(utterances, language),
        evidence=frozenset(places[turn] for asked in conversation.asked for turn in asked.evidence),
        answers=tuple(answer for asked in conversation.asked if (answer := words(asked.answer)) in everything),
    )


def arms() -> Mapping[str, Pick]:
    def at_random(seed: int) -> Pick:
        return lambda one, budget: random_sentences(one, budget, seed)

    return {"tree": by_tree, "last": last_sentences, **{f"random_{seed}": at_random(seed) for seed in SEEDS}}


def by_tree(one: Case, budget: int) -> Sequence[Sentence]:
    return tree.answer(one.levels, budget, lambda: one.sentences)


def last_sentences(one: Case, budget: int) -> Sequence[Sentence]:
    """The newest that fit, as a window over the conversation keeps them."""
    kept: list[Sentence] = []
    for sentence in reversed(one.sentences):
        budget -= sentence.tokens
        if budget < 0:
            break
        kept.append(sentence)
    return kept


def random_sentences(one: Case, budget: int, seed: int) -> Sequence[Sentence]:
    shuffled = list(one.sentences)
    random.Random(seed).shuffle(shuffled)  # noqa: S311  # a baseline, not a secret
    kept: list[Sentence] = []
    for sentence in shuffled:
        if sentence.tokens <= budget:
            budget -= sentence.tokens
            kept.append(sentence)
    return kept


def measure(cases: Sequence[Case], pick: Pick) -> Figures:
    """By ratio: shares of evidence turns with a sentence kept, of evidence characters kept, of answer strings kept."""
    found: dict[str, Mapping[str, float]] = {}
    for ratio in RATIOS:
        totals: Counter[str] = Counter()
        for one in cases:
            totals.update(_kept(one, pick(one, one.tokens // ratio)))
        found[f"{ratio}:1"] = {
            "evidence_turns": round(totals["turns"] / totals["evidence"], 4),
            "evidence_characters": round(totals["characters"] / totals["evidence_characters"], 4),
            "answers": round(totals["found"] / totals["answers"], 4),
            "tokens": totals["tokens"],
        }
    return found


def _kept(one: Case, chosen: Sequence[Sentence]) -> Mapping[str, int]:
    texts = {utterance.message: utterance.text for utterance in one.utterances}
    said = words(" ".join(texts[sentence.message][sentence.start : sentence.end] for sentence in chosen))
    return {
        "evidence": len(one.evidence),
        "turns": len(one.evidence & {sentence.message for sentence in chosen}),
        "evidence_characters": sum(len(texts[message]) for message in one.evidence),
        "characters": sum(sentence.end - sentence.start for sentence in chosen if sentence.message in one.evidence),
        "answers": len(one.answers),
        "found": sum(answer in said for answer in one.answers),
        "tokens": sum(sentence.tokens for sentence in chosen),
    }


def unsupported(cases: Sequence[Case]) -> int:
    """Numbers of summary sentences that the span they cite does not have."""
    count = 0
    for one in cases:
        texts = {utterance.message: utterance.text for utterance in one.utterances}
        for ratio in RATIOS:
            for sentence in by_tree(one, one.tokens // ratio):
                source = texts[sentence.message][sentence.start : sentence.end]
                count += len(claims(sentence.text).numbers - support(source).numbers)
    return count


def different(cases: Sequence[Case]) -> int:
    """How many answers come out otherwise when everything is built once more."""
    language = _language()
    count = 0
    for one in cases:
        again = tree.levels(one.utterances, language)
        for ratio in RATIOS:
            budget = one.tokens // ratio
            other = tree.answer(again, budget, lambda one=one: one.sentences)
            count += repr(other).encode() != repr(by_tree(one, budget)).encode()
    return count


def through_service(cases: Sequence[Case]) -> tuple[Figures, Mapping[str, int]]:
    """The same figures, of summaries that were asked for over HTTP, and what was wrong with them."""
    with served() as service:
        for place, one in enumerate(cases):
            service.append(f"talk-{place}", one.utterances)
        known = [{(each.message, each.start, each.end): each for each in one.sentences} for one in cases]

        def pick(one: Case, budget: int) -> Sequence[Sentence]:
            place = cases.index(one)
            return service.summary(f"talk-{place}", budget, known[place])

        figures = measure(cases, pick)
        seconds = sorted(service.seconds)
        print(f"compress over HTTP: median {seconds[len(seconds) // 2]:.3f} s, slowest {seconds[-1]:.3f} s")
        return figures, {"service_different_bytes": service.different, "service_foreign_sentences": service.foreign}


def drops(figures: Mapping[str, Figures]) -> Sequence[str]:
    """A line for every committed figure of the tree that this run misses."""
    if not BASELINE.exists():
        return []
    committed: Figures = json.loads(BASELINE.read_text())["figures"]["tree"]
    return [
        f"{ratio} {name}: {figures['tree'][ratio][name]} now, {before} in {BASELINE.name}"
        for ratio, row in committed.items()
        for name, before in row.items()
        if name != "tokens" and figures["tree"][ratio][name] < before - DROP_MAX
    ]


def table(figures: Mapping[str, Figures]) -> str:
    lines = [f"{'arm':<12}{'ratio':>7}{'turns':>9}{'chars':>9}{'answers':>9}{'tokens':>9}"]
    for name, rows in figures.items():
        for ratio, row in rows.items():
            shares = "".join(f"{row[part]:>9.4f}" for part in ("evidence_turns", "evidence_characters", "answers"))
            lines.append(f"{name:<12}{ratio:>7}{shares}{row['tokens']:>9.0f}")
    return "\n".join(lines)


def _language() -> tree.Words:
    return tree.Words(count=TokenizerFile().load().count, terms=lambda text: analyse(text, "english"))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evals/compression.py", description=__doc__)
    parser.add_argument(
        "--conversations", type=int, help="only so many of them, the first ones; not to be compared with the baseline"
    )
    parser.add_argument("--service", action="store_true", help="ask a service of its own as well")
    parser.add_argument("--write-baselines", action="store_true", help="write evals/baselines/compression.json")
    return parser.parse_args(arguments)
