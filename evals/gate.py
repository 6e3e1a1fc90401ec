"""The older written cases of the conflict gate (evals/cases/conflicts.jsonl): statements with their text, trust and
cardinality, as no request can put them all, entered through the ledger itself on a store of their own with the default model's
vectors. Those made of messages are played through the service with the others (conflicts.py)."""

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.ids import DEFAULT_TENANT, Principal
from core.paging import PageRequest
from evals.conflict_cases import Case, Seen
from inference.onnx.embedder import OnnxEmbedder
from inference.port import Embedder, Purpose
from memory.facts.ledger import Entry, enter
from memory.facts.rows import text_digest
from memory.facts.statements import Cardinality, Kind, Statement, Status
from storage import facts, memory_rows, tenants
from storage.database import Database
from storage.fact_records import FactScope, SourceRecord
from storage.facts import FactQuery
from storage.migrate import upgrade

CASES = Path(__file__).resolve().parent / "cases" / "conflicts.jsonl"
FIRST_DAY = datetime(2026, 1, 1, 9, tzinfo=UTC)
EXPLICIT_TRUST = 4


def spoken(text: str) -> tuple[Case, ...]:
    """The cases that are made of messages, in the form of the others. An outcome of None is one where nothing may change."""
    return tuple(
        Case(
            category="message",
            outcome=row["outcome"] or "nothing",
            values=_folded(row["current"]),
            steps=tuple(f"u{int(step['day'])} {step['message']}" for step in row["steps"]),
        )
        for row in _rows(text)
        if row["group"] == "messages"
    )


def stated(text: str) -> tuple[tuple[Case, Sequence[Mapping[str, Any]]], ...]:
    """The cases that are made of statements, with their steps."""
    return tuple(
        (
            Case(category=row["group"].replace(" ", "_"), outcome=row["outcome"], values=_folded(row["current"]), steps=()),
            row["steps"],
        )
        for row in _rows(text)
        if row["group"] not in {"messages", "echo"}  # echoes need a recall between: conflicts.txt has them
    )


def play(cases: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[Seen, ...]:
    with tempfile.TemporaryDirectory(prefix="mnemic-gate-") as folder:
        return asyncio.run(_play(cases, Path(folder)))


async def _play(cases: Sequence[Sequence[Mapping[str, Any]]], folder: Path) -> tuple[Seen, ...]:
    url = f"sqlite:///{folder / 'mnemic.db'}"
    await upgrade(url)
    database = Database.open(url)
    embedder = await asyncio.to_thread(OnnxEmbedder.open, cache=folder / "models")
    try:
        async with database.system_write("the cases need a tenant") as tx:
            await tenants.ensure(tx, DEFAULT_TENANT, FIRST_DAY)
        return tuple([await _case(database, embedder, f"case-{place}", steps) for place, steps in enumerate(cases)])
    finally:
        await embedder.close()
        await database.close()


async def _case(database: Database, embedder: Embedder, name: str, steps: Sequence[Mapping[str, Any]]) -> Seen:
    owner, outcome = Principal(f"user:{name}"), ""
    for place, step in enumerate(steps):
        entry = _entry(step, owner, place)
        made = await embedder.embed([entry.statement.text], Purpose.PASSAGE)
        async with database.write(DEFAULT_TENANT) as tx:
            spec = embedder.spec
            index = await memory_rows.collection(tx, model=spec.digest, dimension=spec.dimension, at=entry.at)
            written = await enter(tx, index, entry, {text_digest(entry.statement.text): made[0]})
        outcome = written.outcome.value
    async with database.read(DEFAULT_TENANT) as tx:
        page = await facts.page(tx, owner, PageRequest(limit=200), FactQuery(status=Status.ACTIVE))
    return Seen(outcome=outcome, values=_folded([one.value for one in page.items if one.polarity]))


def _entry(step: Mapping[str, Any], owner: Principal, place: int) -> Entry:
    at = None if step["day"] is None else FIRST_DAY + timedelta(days=step["day"])
    new = Statement(
        entity=step["entity"],
        attribute=step["attribute"],
        value=step["value"],
        text=step["text"],
        kind=Kind.ATTRIBUTE,
        cardinality=Cardinality.MANY if step.get("many") else Cardinality.ONE,
        trust=step.get("trust", EXPLICIT_TRUST),
        polarity=not step.get("denies", False),
        withdraws=step.get("withdraws", False),
        valid_from=at,
    )
    source = SourceRecord(type="caller", id=f"step-{place}", start=0, end=0, trust=new.trust, at=at)
    now = FIRST_DAY + timedelta(days=999, hours=place)
    return Entry(
        statement=new,
        scope=FactScope(owner=owner),
        sources=(source,),
        actor=owner,
        at=now,
    )


def _folded(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(value.casefold() for value in values))


def _rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
