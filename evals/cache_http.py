"""`python -m evals.cache_http`: whether what evals/cache_streams.py plays in process is what the service does. A stream of
banking77 goes through the HTTP API, and beside it through the same policies. First in shadow mode, nothing judged: similarity,
score and guards of every candidate have to agree. Then in mode verified, every miss judged by the service itself, with audits:
every decision has to agree. Which hits are audited is the service's chance, which the play follows.
"""

import argparse
import asyncio
import dataclasses
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cache.acceptance import Candidate, score
from cache.admission import bypass_reason
from cache.fingerprint import normalized
from cache.learning import RELEARN_MAX, Namespace
from cache.prior import prior
from cache.types import Mode, namespace_by_default
from evals.cache_play import Look, Play
from evals.cache_texts import Ask, intents, vectors
from evals.service import Json, Service, serve

NAMESPACE, LEARNING = "parity", "learning"
RATE_MAX = 0.1  # loose, so that a thousand requests are enough to have it serve
SHARE_TOLERATED = 1e-3  # of a cosine or a score: a batch of texts rounds otherwise than one text alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One question on which the two disagree."""

    text: str
    service: tuple[object, ...]
    play: tuple[object, ...]


@dataclass(slots=True, kw_only=True)
class Taught:
    """What became of a stream. `otherwise`: decided otherwise than in process, and no rounding of a vector explains it."""

    requests: int = 0
    hits: int = 0
    wrong: int = 0
    audits: int = 0
    by_rounding: int = 0
    otherwise: int = 0

    def note(self, told: Json, look: Look, *, fits: bool, threshold: float | None) -> None:
        self.requests += 1
        self.hits += told["status"] == "hit"
        self.wrong += told["status"] == "hit" and not look.right
        self.audits += told["status"] == "audit"
        if (told["status"] in {"hit", "audit"}) != fits:
            near = look.value is not None and threshold is not None and abs(look.value - threshold) <= SHARE_TOLERATED
            self.by_rounding += near
            self.otherwise += not near


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    asks = _stream(options.requests)
    expected = _played(asks)
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder, serve(Path(folder) / "data") as address:
        differences = compare(Service(address), asks, expected)
    for one in differences[:20]:
        print(f"{one.text!r}: the service {one.service}, in process {one.play}")
    print(f"{len(asks)} requests in shadow, {len(differences)} decided otherwise over HTTP than in process")
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder, serve(Path(folder) / "data") as address:
        taught = asyncio.run(learn(Service(address), asks))
    print(json.dumps(dataclasses.asdict(taught), indent=1))
    return 1 if differences or taught.otherwise else 0


def compare(service: Service, asks: Sequence[Ask], expected: Sequence[Candidate | None]) -> list[Difference]:
    found: list[Difference] = []
    for ask, candidate in zip(asks, expected, strict=True):
        told = service.post("/v1/cache:lookup", {"namespace": NAMESPACE, "query": ask.text})
        service.post("/v1/cache:store", {"namespace": NAMESPACE, "query": ask.text, "response": f"on {ask.intent}"})
        if not _agree(told, candidate):
            said = (told["status"], told["reason"], told["similarity"], told["score"], told["guards"])
            found.append(Difference(text=ask.text, service=said, play=_said(candidate)))
    return found


async def learn(service: Service, asks: Sequence[Ask]) -> Taught:
    """A namespace that learns: the service beside a play in the same state, decision by decision."""
    service.call("PUT", f"/v1/admin/cache/{LEARNING}", {"mode": "verified", "wrong_rate_max": RATE_MAX})
    embedded = vectors([ask.text for ask in asks])
    numbers = {intent: place for place, intent in enumerate(sorted({ask.intent for ask in asks}))}
    play = Play(prior(), embedded.shape[1])
    settings = replace(namespace_by_default(LEARNING), mode=Mode.VERIFIED, wrong_rate_max=RATE_MAX)
    namespace = Namespace(settings=settings, read_s=0.0)
    taught = Taught()
    for ask, vector in zip(asks, embedded, strict=True):
        told = service.post("/v1/cache:lookup", {"namespace": LEARNING, "query": ask.text})
        operating, look = await namespace.operating(RATE_MAX), play.look(ask, vector)
        if look.candidate is not None and look.value is not None:
            namespace.see(look.value, look.candidate.neighbour.similarity)
        taught.note(told, look, fits=play.fits(look, operating), threshold=operating.threshold)
        if told["status"] == "hit":
            continue
        # Numbers apart are different answers to the service, without a doubt.
        body = {"query": ask.text, "response": f"Answer number {numbers[ask.intent]}.", "lookup_id": told["lookup_id"]}
        service.post("/v1/cache:store", {"namespace": LEARNING, "lease": told["lease"], **body})
        play.generated(ask, vector, look, judged=True, audited=told["status"] == "audit")
        for label in play.labels[len(namespace.labels) :]:
            namespace.labels.append((label, 0.0))
            namespace.fresh += RELEARN_MAX if label.audited and label.wrong else 1
    return taught


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
    parser.add_argument("--requests", type=int, default=1_000, help="how many questions")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
