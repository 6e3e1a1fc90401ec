"""Facts in memory, kept by the verdicts of the gate alone: what the store does, without a store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from memory.facts.conflicts import NEW, Known, Outcome, Verdict, judge
from memory.facts.statements import Cardinality, Kind, Statement, Status
from memory.facts.timeline import UNDATED


def day(number: int | None) -> datetime | None:
    return None if number is None else datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)


def home(
    value: str, since: int | None = 0, *, trust: int = 3, polarity: bool = True, withdraws: bool = False, many: bool = False
) -> Statement:
    """Ann lives somewhere, or likes many things; `since` is the number of a day."""
    verb = ("likes" if polarity else "no longer likes") if many else ("lives in" if polarity else "no longer lives in")
    return Statement(
        entity="Ann",
        attribute="likes" if many else "home",
        value=value,
        text=f"Ann {verb} {value}.",
        kind=Kind.PREFERENCE if many else Kind.ATTRIBUTE,
        cardinality=Cardinality.MANY if many else Cardinality.ONE,
        trust=trust,
        polarity=polarity,
        withdraws=withdraws,
        valid_from=day(since),
    )


class Notebook:
    """What is known, by id from 1."""

    def __init__(self) -> None:
        self.facts: dict[int, Known] = {}

    def write(self, *statements: Statement, similarity: dict[int, float] | None = None) -> Outcome:
        """The outcome of the last."""
        outcome = Outcome.NOOP
        for statement in statements:
            verdict = judge(statement, list(self.facts.values()), similarity=similarity)
            self._keep(statement, verdict)
            outcome = verdict.outcome
        return outcome

    def current(self) -> list[str]:
        return [fact.value for fact in self.facts.values() if fact.status is Status.ACTIVE and fact.polarity]

    def at(self, number: int) -> str | None:
        """The value that held on a day: of those whose stretch has it, the one that began last."""
        moment = day(number)
        assert moment is not None
        holding = [
            fact
            for fact in self.facts.values()
            if fact.status in {Status.ACTIVE, Status.SUPERSEDED} and fact.polarity and not fact.withdrawn
            if (fact.valid_from or UNDATED) <= moment and (fact.valid_to is None or moment < fact.valid_to)
        ]
        latest = max(holding, key=lambda fact: (fact.valid_from or UNDATED, fact.id), default=None)
        return latest.value if latest else None

    def _keep(self, statement: Statement, verdict: Verdict) -> None:
        mine = len(self.facts) + 1
        if verdict.proof:
            proof = verdict.proof
            old = self.facts[proof.id]
            self.facts[proof.id] = replace(old, trust=proof.trust, valid_from=proof.valid_from, seen_at=proof.seen_at)
        for revision in verdict.revisions:
            ended_by = mine if revision.superseded_by == NEW else revision.superseded_by
            self.facts[revision.id] = replace(
                self.facts[revision.id],
                status=revision.status,
                valid_to=revision.valid_to,
                superseded_by=ended_by,
                withdrawn=revision.withdrawn,
            )
        if not verdict.proof:
            self.facts[mine] = _new(mine, statement, verdict)


def _new(mine: int, statement: Statement, verdict: Verdict) -> Known:
    return Known(
        id=mine,
        entity=statement.entity,
        attribute=statement.attribute,
        value=statement.value,
        text=statement.text,
        polarity=statement.polarity,
        cardinality=statement.cardinality,
        status=verdict.status,
        trust=statement.trust,
        valid_from=statement.valid_from,
        valid_to=verdict.valid_to,
        seen_at=statement.valid_from,
        superseded_by=verdict.superseded_by,
    )
