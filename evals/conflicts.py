"""The conflict gate on written cases (evals/cases), through the real service and, for what no request can state, its ledger:
how often the last step of a case has the outcome that it must have, what holds afterwards, and how often something was
superseded that must not be."""

import argparse
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from evals import gate
from evals.conflict_cases import Case, Seen, measure, read
from evals.provenance import provenance
from evals.service import Json, Service, serve

CASES = Path(__file__).resolve().parent / "cases" / "conflicts.txt"
ADVERSARIAL = Path(__file__).resolve().parent / "cases" / "conflicts_adversarial.txt"
OLDER = gate.CASES
BASELINE = Path(__file__).resolve().parent / "baselines" / "conflicts.json"
FIRST_DAY = datetime(2025, 12, 31, tzinfo=UTC)
ROLES = {"u": "user", "a": "assistant", "t": "tool"}
_STEP = re.compile(r"(?P<who>[uatwn])(?P<day>\d+|-) (?P<said>.+)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every committed share is reached and at most one case in a hundred supersedes falsely."""
    options = _options(arguments)
    older = OLDER.read_text()
    said = (*read(CASES.read_text()), *gate.spoken(older))
    hard = tuple(read(ADVERSARIAL.read_text()))
    with tempfile.TemporaryDirectory(prefix="mnemic-conflicts-") as folder, serve(Path(folder) / "data") as address:
        service = Service(address)
        seen = [play(service, f"case-{place}", case) for place, case in enumerate((*said, *hard))]
    stated = gate.stated(older)
    entered = gate.play([steps for _, steps in stated])
    written = (*said, *(case for case, _ in stated))
    came_to = (*seen[: len(said)], *entered)
    _tell(written, came_to)
    _tell(hard, seen[len(said) :])
    figures = {**measure(written, came_to), **{f"adversarial_{k}": v for k, v in measure(hard, seen[len(said) :]).items()}}
    print(json.dumps(figures, indent=2))
    before = _committed()
    if options.write_baselines:
        kept = {name: share for name, share in before.items() if name.startswith("held_out")}
        BASELINE.write_text(json.dumps({"figures": {**figures, **kept}, "provenance": provenance()}, indent=2) + "\n")
    low = [name for name, share in before.items() if "accuracy" in name and figures.get(name, share) < share]
    for name in low:
        print(f"{name}: {figures[name]} now, {before[name]} committed")
    return 1 if low or figures["false_supersession_rate"] > 0.01 else 0


def _tell(cases: Sequence[Case], seen: Sequence[Seen]) -> None:
    for case, one in zip(cases, seen, strict=True):
        if (case.outcome, case.values) != (one.outcome, one.values):
            print(f"{case.category}: {' ; '.join(case.steps)}")
            print(f"    {case.outcome} {case.values}, but {one.outcome} {one.values}")


def _committed() -> dict[str, float]:
    return json.loads(BASELINE.read_text())["figures"] if BASELINE.exists() else {}


def play(service: Service, user: str, case: Case) -> Seen:
    """Plays the steps for a user of their own."""
    service.call("POST", "/v1/sessions", {"id": "chat", "user_id": user})
    outcome = ""
    for step in case.steps:
        match = _STEP.fullmatch(step)
        if match is None:
            raise ValueError(f"no step: {step}")
        before = _facts(service, user)
        told = _take(service, user, match["who"], at=_moment(match["day"]), said=match["said"])
        outcome = told or _observed(before, _facts(service, user))
    holding = [one for one in _facts(service, user).values() if one["status"] == "active" and one["polarity"]]
    return Seen(outcome=outcome, values=tuple(sorted(str(one["value"]).casefold() for one in holding)))


def _take(service: Service, user: str, who: str, *, at: datetime | None, said: str) -> str | None:
    """Takes one step. The outcome, where the service says it."""
    when = None if at is None else at.isoformat()
    if who in ROLES:
        message = {"role": ROLES[who], "speaker": "Ann" if who == "u" else None, "content": said, "occurred_at": when}
        service.call("POST", "/v1/sessions/chat/messages", {"user_id": user, "messages": [message]})
        return None
    body: Json = {"user_id": user, "valid_from": when}
    if who == "n":
        body["text"] = said
    else:
        body["polarity"] = not said.startswith("!")
        body["entity"], body["attribute"], body["value"] = said.removeprefix("!").split("/", 2)
    return str(service.call("POST", "/v1/memories", body)["outcome"])


def _facts(service: Service, user: str) -> Mapping[str, Json]:
    items = cast("Sequence[Json]", service.call("GET", f"/v1/memories?user_id={user}")["items"])
    return {str(one["id"]): one for one in items}


def _observed(before: Mapping[str, Json], after: Mapping[str, Json]) -> str:
    """The outcome of a message, told from what changed."""
    made = [one for name, one in after.items() if name not in before]
    if any(one["status"] == "challenged" for one in made):
        return "challenged"
    names = {one["id"] for one in made}
    if any(after[name]["superseded_by"] in names for name in before if name in after):
        return "superseded"
    if made:
        return "added"
    return "noop" if any(after[name]["proofs"] != one["proofs"] for name, one in before.items()) else "nothing"


def _moment(day: str) -> datetime | None:
    return None if day == "-" else FIRST_DAY + timedelta(days=int(day), hours=9)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evals/conflicts.py", description=__doc__)
    parser.add_argument("--write-baselines", action="store_true", help="write evals/baselines/conflicts.json")
    return parser.parse_args(arguments)
