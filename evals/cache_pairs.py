"""What the cache makes of pairs whose right answer is known, at a threshold that a stream has taught: where the entry is alone
in its partition, and where it is one of many. And how far its score can be taken for a probability."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from cache.acceptance import Candidate, Neighbour, choose, score
from cache.guards import compare, read
from cache.prior import prior
from evals.cache_crowd import Crowd
from evals.cache_play import Play
from evals.cache_prior import QUESTIONS, questions
from evals.cache_texts import Ask, Pair, Vectors, minimal_pairs, pairs, vectors

STATIC = (0.85, 0.90, 0.95)
PAIRS_MAX = 8_000
CROWD = 4_000
BINS = 10
CERTAIN = frozenset({"number", "date", "unit", "quoted", "negation", "order"})

Figures = dict[str, dict[str, float]]


def pair_figures(thresholds: Mapping[str, float]) -> Figures:
    """`false_hits` of the pairs that differ, `hits` of those that do not."""
    found: Figures = {}
    crowd = _crowd()
    for name, rows in (("paws_val", pairs("paws_val")), ("qqp_odd", pairs("qqp")[1::2])):
        some = rows[:PAIRS_MAX]
        known = vectors([text for pair in some for text in (pair.a, pair.b)])
        alike = [float(known[2 * place] @ known[2 * place + 1]) for place in range(len(some))]
        among = crowd.candidates(some)
        for rate, threshold in thresholds.items():
            served = [(pair.same, _serves(_alone(pair, cosine), threshold)) for pair, cosine in zip(some, alike, strict=True)]
            found[f"{name} at {rate}, alone"] = _shares(served)
            met = [(pair.same, _serves(one, threshold)) for pair, one in zip(some, among, strict=True)]
            found[f"{name} at {rate}, among {CROWD}"] = _shares(met)
        for cosine in STATIC:
            plain = [(pair.same, one >= cosine) for pair, one in zip(some, alike, strict=True)]
            found[f"{name} static {cosine:.2f}"] = _shares(plain)
    return found


def minimal(threshold: float) -> Figures:
    """Our pairs, the half that nothing was fitted on, by class: vetoed, and served at the operating point among many."""
    checked = minimal_pairs("check")
    among = _crowd().candidates(checked)
    known = vectors([text for pair in checked for text in (pair.a, pair.b)])
    by_kind: dict[str, list[tuple[Pair, bool, bool, float]]] = defaultdict(list)
    for place, pair in enumerate(checked):
        alike = float(known[2 * place] @ known[2 * place + 1])
        vetoed = bool(compare(read(pair.a), read(pair.b)).vetoes)
        by_kind[pair.kind].append((pair, vetoed, _serves(among[place], threshold), alike))
    rows = {kind: _kind_row(some) for kind, some in by_kind.items()}
    certain = [one for kind, some in by_kind.items() if kind in CERTAIN for one in some]
    everything = [one for some in by_kind.values() for one in some]
    return {**rows, "certain classes": _kind_row(certain), "all": _kind_row(everything)}


def _kind_row(some: Sequence[tuple[Pair, bool, bool, float]]) -> dict[str, float]:
    differ = [one for one in some if not one[0].same]
    same = [one for one in some if one[0].same]
    return {
        "caught_by_veto": _share([vetoed for _, vetoed, _, _ in differ]),
        "false_hits": _share([served for _, _, served, _ in differ]),
        "false_hits_static_0.90": _share([cosine >= 0.90 for _, _, _, cosine in differ]),
        "false_hits_static_0.95": _share([cosine >= 0.95 for _, _, _, cosine in differ]),
        "false_vetoes": _share([vetoed for _, vetoed, _, _ in same]),
        "paraphrases_served": _share([served for _, _, served, _ in same]),
    }


def reliability(asks: Sequence[Ask], embedded: Vectors) -> Figures:
    """Of a stream's lookups with every miss judged and nothing served: by bin of the score, what it says and what was so."""
    play = Play(prior(), embedded.shape[1])
    play.learn(asks, embedded)
    told = [(score(candidate, prior()), right) for candidate, right in play.seen if not candidate.vetoes]
    found: Figures = {}
    for place in range(BINS):
        inside = [(value, right) for value, right in told if min(BINS - 1, int(value * BINS)) == place]
        if inside:
            found[f"{place / BINS:.1f} to {(place + 1) / BINS:.1f}"] = {
                "lookups": len(inside),
                "said": round(sum(value for value, _ in inside) / len(inside), 4),
                "so": _share([right for _, right in inside]),
            }
    return found


def _crowd() -> Crowd:
    asks = questions(pairs("qqp")[0::2], QUESTIONS)
    return Crowd(asks[:CROWD], vectors([ask.text for ask in asks])[:CROWD])


def _alone(pair: Pair, alike: float) -> Candidate | None:
    entry = Neighbour(key=0, similarity=alike, group=0, placed=True, text=pair.b)
    return choose(read(pair.a), [entry])


def _serves(candidate: Candidate | None, threshold: float) -> bool:
    return candidate is not None and not candidate.vetoes and score(candidate, prior()) >= threshold


def _shares(served: Sequence[tuple[bool, bool]]) -> dict[str, float]:
    return {
        "pairs": len(served),
        "false_hits": _share([hit for same, hit in served if not same]),
        "hits": _share([hit for same, hit in served if same]),
        "wrong_per_hit": _share([not same for same, hit in served if hit]),
    }


def _share(these: Sequence[bool]) -> float:
    return round(sum(these) / len(these), 4) if these else 0.0
