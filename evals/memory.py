"""Recall over the development conversations, through the HTTP API of the real service: `python evals/run.py memory`.

Each conversation is a user's memory of its own, each of its parts a session. The same data folder is served three times:
with the default weights, and with one arm alone and nothing added, as the baselines; bm25s over whole messages and mem0
(infer=False, the same embedder, its local vector store) stand beside them. Questions without evidence, and category 5 of
LoCoMo, which has no answer by design, are in no mean but tell how well `answerable` is calibrated.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import cast

from evals.mem0_arm import Mem0
from evals.oracle import Oracle
from evals.provenance import provenance
from evals.service import Json, Service, rows_of, serve
from evals.talks import TIERS, UNANSWERABLE, Asked, Line, Talk, beam, locomo

SETS: Mapping[str, Callable[[], tuple[Talk, ...]]] = {
    "locomo": locomo,
    **{f"beam_{tier}": (lambda tier=tier: beam(tier)) for tier in TIERS},
}
DEPTHS = (5, 10, 20)
BATCH = 64
DROP_MAX = 0.01
BASELINE = Path(__file__).resolve().parent / "baselines" / "memory.json"
# BEAM has one message of 349 kB; the default limit of a message is 256 KiB.
_ROOMY = {"MNEMIC_LIMITS__MESSAGE_BYTES_MAX": str(1 << 20)}
_ALONE = {f"MNEMIC_RECALL__{name}_WEIGHT": "0" for name in ("BEFORE", "AFTER", "SPEAKER", "PERIOD", "RECENCY")}
ARMS: Mapping[str, Mapping[str, str]] = {
    "recall": {},
    "keyword alone": {**_ALONE, "MNEMIC_RECALL__DENSE_WEIGHT": "0"},
    "dense alone": {**_ALONE, "MNEMIC_RECALL__DENSE_WEIGHT": "1"},
    "both, no neighbours": _ALONE,
}

Ranked = Mapping[str, Sequence[str]]
Figures = Mapping[str, float]
Table = dict[str, dict[str, Figures]]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    talks = {name: SETS[name]() for name in options.sets}
    figures: Table = {name: {} for name in talks}
    with tempfile.TemporaryDirectory(prefix="mnemic-evals-") as folder:
        calibration = _measure_service(options.data or Path(folder) / "data", talks, figures)
        for name, its in talks.items():
            figures[name]["bm25s"] = measure(its, _by_bm25(its))
            if options.mem0:
                print(f"{name}: mem0 …", flush=True)
                figures[name]["mem0"] = measure(its, Mem0(options.mem0, Path(folder) / name).rank(its, max(DEPTHS)))
    print(table(figures), f"answerable: {calibration}", sep="\n")
    if options.write_baselines:
        run = {"answerable": calibration, **provenance()}
        sets = {**_committed(), **{name: {"figures": arms, "run": run} for name, arms in figures.items()}}
        BASELINE.write_text(json.dumps(sets, indent=1) + "\n")
        print("wrote", BASELINE.name)
        return 0
    fallen = drops(figures)
    print("\n".join(["fallen by more than 0.01 since the committed baselines:", *fallen]) if fallen else "no figure fell")
    return 1 if fallen else 0


def _measure_service(data: Path, talks: Mapping[str, Sequence[Talk]], figures: Table) -> Mapping[str, float]:
    """Fills in the arms of the service; answers how well `answerable` is calibrated."""
    calibration: Mapping[str, float] = {}
    for arm, settings in ARMS.items():
        with serve(data, {**_ROOMY, **settings}) as address:
            service = Service(address)
            pairs: list[tuple[float, bool]] = []
            for name, its in talks.items():
                started = time.perf_counter()
                offset = max(remember(service, talk) for talk in its)
                stored = time.perf_counter()
                ranked = _ask(service, its, offset, pairs)
                asked = time.perf_counter()
                print(f"{name}, {arm}: {stored - started:.0f} s to remember, {asked - stored:.0f} s to ask", flush=True)
                figures[name][arm] = measure(its, ranked)
            calibration = calibration or calibrated(pairs)
    return calibration


def remember(service: Service, talk: Talk) -> int:
    """Appends the conversation; what is there already is not written again. Answers the offset that holds all of it."""
    offset = 0
    for session in dict.fromkeys(line.session for line in talk.lines):
        service.post("/v1/sessions", {"id": session, "user_id": talk.id})
        lines = [line for line in talk.lines if line.session == session]
        for start in range(0, len(lines), BATCH):
            body: Json = {"user_id": talk.id, "messages": [_message(line) for line in lines[start : start + BATCH]]}
            offset = int(str(service.post(f"/v1/sessions/{session}/messages", body)["offset"]))
    return offset


def _message(line: Line) -> Json:
    at = None if line.occurred_at is None else line.occurred_at.isoformat()
    return {"id": line.id, "role": line.role, "speaker": line.speaker, "content": line.text, "occurred_at": at}


def _ask(service: Service, talks: Sequence[Talk], offset: int, pairs: list[tuple[float, bool]]) -> Ranked:
    """Message ids by question, best first; `pairs` grows by what `answerable` said and whether evidence was in the first 10."""
    found: dict[str, Sequence[str]] = {}
    for talk in talks:
        for asked in talk.asked:
            body: Json = {"query": asked.text, "user_id": talk.id, "k": max(DEPTHS), "types": ["message"], "min_offset": offset}
            answer = service.post("/v1/memories:search", body)
            assert not answer["degraded"], answer["degraded"]
            found[key(talk, asked)] = [str(one["message_id"]) for one in rows_of(answer["results"])]
            proven = answers(talk, asked) and bool(asked.evidence.intersection(found[key(talk, asked)][:10]))
            pairs.append((float(str(answer["answerable"])), proven))
    return found


def _by_bm25(talks: Sequence[Talk]) -> Ranked:
    """Whole messages with their date and speaker, each conversation for itself."""
    ranked: dict[str, Sequence[str]] = {}
    for talk in talks:
        oracle = Oracle({line.id: headed(line) for line in talk.lines})
        ranked |= {key(talk, asked): oracle.rank(asked.text, max(DEPTHS)) for asked in talk.asked}
    return ranked


def headed(line: Line) -> str:
    when = "" if line.occurred_at is None else f"{line.occurred_at.day} {line.occurred_at:%B %Y}\n"
    return f"{when}{line.speaker or line.role}: {line.text}"


def key(talk: Talk, asked: Asked) -> str:
    return f"{talk.id}/{asked.id}"


def answers(talk: Talk, asked: Asked) -> bool:
    """Whether the conversation has the answer."""
    return bool(asked.evidence) and not (talk.id.startswith("locomo") and asked.kind == UNANSWERABLE)


def measure(talks: Sequence[Talk], ranked: Ranked) -> Figures:
    """Means over the questions that have an answer: recall at each depth, recall@10 by kind, any session of the first five."""
    scored = [(talk, asked, ranked[key(talk, asked)]) for talk in talks for asked in talk.asked if answers(talk, asked)]
    figures = {f"recall@{depth}": fmean(_recall(asked, got, depth) for _, asked, got in scored) for depth in DEPTHS}
    figures["session_any@5"] = fmean(_session_found(talk, asked, got) for talk, asked, got in scored)
    for kind in sorted({asked.kind for _, asked, _ in scored}):
        figures[f"recall@10 {kind}"] = fmean(_recall(asked, got, 10) for _, asked, got in scored if asked.kind == kind)
    return {name: round(value, 4) for name, value in figures.items()}


def _recall(asked: Asked, got: Sequence[str], depth: int) -> float:
    return len(asked.evidence.intersection(got[:depth])) / len(asked.evidence)


def _session_found(talk: Talk, asked: Asked, got: Sequence[str]) -> float:
    """1 when one of the first five sessions, by their best message, holds evidence."""
    sessions = {line.id: line.session for line in talk.lines}
    first = list(dict.fromkeys(sessions[message] for message in got))[:5]
    return float(any(sessions[message] in first for message in asked.evidence))


def calibrated(pairs: Sequence[tuple[float, bool]]) -> Mapping[str, float]:
    """Brier score of `answerable` and of the base rate, and the chance that it tells a provable question from another."""
    rate = fmean(float(proven) for _, proven in pairs)
    yes = [said for said, proven in pairs if proven]
    no = [said for said, proven in pairs if not proven]
    wins = sum(float(one > other) + 0.5 * float(one == other) for one in yes for other in no)
    return {
        "questions": len(pairs),
        "proven": round(rate, 4),
        "brier": round(fmean((said - proven) ** 2 for said, proven in pairs), 4),
        "brier_of_base_rate": round(rate * (1 - rate), 4),
        "auc": round(wins / max(1, len(yes) * len(no)), 4),
    }


def table(figures: Table) -> str:
    lines = [f"{'set':<12}{'arm':<22}{'R@5':>8}{'R@10':>8}{'R@20':>8}{'session@5':>11}"]
    for name, arms in figures.items():
        for arm, its in arms.items():
            recalls = "".join(f"{its[f'recall@{depth}']:>8.4f}" for depth in DEPTHS)
            lines.append(f"{name:<12}{arm:<22}{recalls}{its['session_any@5']:>11.4f}")
        kinds = {kind: value for kind, value in arms["recall"].items() if kind.startswith("recall@10 ")}
        lines += [f"{'':<12}  {kind:<36}{value:>8.4f}" for kind, value in kinds.items()]
    return "\n".join(lines)


def drops(figures: Table) -> list[str]:
    """Committed figures of our own that this run misses; sets and baselines that it did not run are not compared."""
    committed = _committed()
    return [
        f"{name} {measured}: {now} now, {before} before"
        for name, arms in figures.items()
        if name in committed
        for measured, before in cast("dict[str, Table]", committed)[name]["figures"]["recall"].items()
        if (now := arms["recall"].get(measured, 0.0)) < before - DROP_MAX
    ]


def _committed() -> dict[str, object]:
    """By set: its figures, and the run that they are of."""
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evals/run.py memory", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"which sets, of {', '.join(SETS)}; all without an argument")
    parser.add_argument("--data", type=Path, help="data folder to keep: a second run embeds nothing again")
    parser.add_argument("--mem0", type=Path, help="folder of `pip install --target FOLDER mem0ai`; without it mem0 is left out")
    parser.add_argument("--write-baselines", action="store_true", help="write evals/baselines/memory.json")
    options = parser.parse_args(arguments)
    options.sets = options.sets or list(SETS)
    if unknown := [name for name in options.sets if name not in SETS]:
        parser.error(f"no such set: {', '.join(unknown)}; the sets are {', '.join(SETS)}")
    return options
