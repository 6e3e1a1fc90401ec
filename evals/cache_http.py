"""`python -m evals.cache_http`: whether what evals/cache_streams.py plays in process is what the service does. A stream of
banking77 goes through the HTTP API in shadow mode, nothing judged, and beside it through the same policies in process: every
candidate's similarity, score and guards have to agree.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.acceptance import Candidate, score
from cache.admission import bypass_reason
from cache.fingerprint import normalized
from cache.prior import prior
from evals.cache_play import Play
from evals.cache_texts import Ask, intents, vectors
from evals.service import Json, Service, serve

NAMESPACE = "parity"
SHARE_TOLERATED = 1e-3  # of a cosine or a score: a batch of texts rounds otherwise than one text alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One question on which the two disagree."""

    text: str
    service: tuple[object, ...]
    play: tuple[object, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    asks = _stream(options.requests)
    expected = _played(asks)
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder, serve(Path(folder) / "data") as address:
        differences = compare(Service(address), asks, expected)
    for one in differences[:20]:
        print(f"{one.text!r}: the service {one.service}, in process {one.play}")
    print(f"{len(asks)} requests, {len(differences)} decided otherwise over HTTP than in process")
    return 1 if differences else 0


def compare(service: Service, asks: Sequence[Ask], expected: Sequence[Candidate | None]) -> list[Difference]:
    found: list[Difference] = []
    for ask, candidate in zip(asks, expected, strict=True):
        told = service.post("/v1/cache:lookup", {"namespace": NAMESPACE, "query": ask.text})
        service.post("/v1/cache:store", {"namespace": NAMESPACE, "query": ask.text, "response": f"on {ask.intent}"})
        if not _agree(told, candidate):
            said = (told["status"], told["reason"], told["similarity"], told["score"], told["guards"])
            found.append(Difference(text=ask.text, service=said, play=_said(candidate)))
    return found


def _agree(told: Json, candidate: Candidate | None) -> bool:
    if candidate is None or told["similarity"] is None:
        return candidate is None and told["similarity"] is None
    similarity, value = float(str(told["similarity"])), told["score"]
    alike = abs(similarity - candidate.neighbour.similarity) <= SHARE_TOLERATED
    if candidate.vetoes:
        return alike and told["guards"] == list(candidate.vetoes)
    return alike and value is not None and abs(float(str(value)) - score(candidate, prior())) <= SHARE_TOLERATED


def _said(candidate: Candidate | None) -> tuple[object, ...]:
    return () if candidate is None else (candidate.neighbour.similarity, score(candidate, prior()), candidate.vetoes)


def _stream(count: int) -> tuple[Ask, ...]:
    """Questions that the exact tiers and admission leave to the semantic one."""
    distinct = {normalized(ask.text): ask for ask in intents("banking77") if bypass_reason(ask.text) is None}
    asks = sorted(distinct.values(), key=lambda ask: ask.text)
    random.Random(1).shuffle(asks)  # noqa: S311  # a seeded order
    return tuple(asks[:count])


def _played(asks: Sequence[Ask]) -> list[Candidate | None]:
    embedded = vectors([ask.text for ask in asks])
    play = Play(prior(), embedded.shape[1], judged=0.0)
    found: list[Candidate | None] = []
    for place, ask in enumerate(asks):
        before = len(play.seen)
        play.learn([ask], embedded[place : place + 1])
        found.append(play.seen[-1][0] if len(play.seen) > before else None)
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evals.cache_http", description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="how many questions")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
