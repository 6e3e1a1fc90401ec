"""Facts learned from messages as they are appended, and taken away with them. Rules only; the one model embeds what was found.

Echoes are no evidence: text in a fence of the context call is not read (extraction.py); who is not the user adds new facts but
no proof to what is known; and a sentence that is a known fact's text, word for word, is ours being repeated, not the user's.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.caller import Caller, user_name
from core.clock import Clock
from core.errors import Fault
from core.telemetry import log
from inference.port import Embedder, Purpose
from memory.facts import ledger
from memory.facts.aliases import Alias, find_aliases
from memory.facts.extraction import Said, extract
from memory.facts.ledger import Entry, Vectors, discard, enter
from memory.facts.rows import text_digest
from memory.facts.statements import Statement, fold
from memory.language.prose import sentences
from memory.types import Heard, Lesson, Loss
from storage import entities, facts
from storage.database import Transaction
from storage.fact_records import Change, FactScope, SourceRecord
from storage.memory_records import MessageRecord, Role, SessionRecord
from storage.records import IndexRecord

# What the rules may stumble over in a text that nobody thought of: the message is kept all the same.
_STUMBLES = (ValueError, ArithmeticError, LookupError)
CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What one message says: facts, and other names of somebody."""

    statements: tuple[Statement, ...]
    aliases: tuple[Alias, ...]
    content: str
    proves: bool


class FactLesson:
    """What was read in an append, by the numbers of its messages."""

    def __init__(self, learned: Mapping[int, Learned], embedded: Vectors, clock: Clock) -> None:
        self._learned = learned
        self._embedded = embedded
        self._clock = clock

    async def write(self, tx: Transaction, index: IndexRecord, messages: Sequence[MessageRecord]) -> None:
        """Every fact passes the gate, with the message as its source."""
        for message in messages:
            learned = self._learned.get(message.seq)
            if learned is None:
                continue
            for one in learned.aliases:
                name, alias = (fold(part) for part in (one.name, one.alias))
                if name and alias:
                    at = self._clock.now()
                    await entities.call(tx, message.owner, name=one.name, folded=name, alias=alias, kind="name", at=at)
            for statement in learned.statements:
                await enter(tx, index, self._entry(message, statement, learned), self._embedded)

    def _entry(self, message: MessageRecord, new: Statement, learned: Learned) -> Entry:
        source = SourceRecord(
            type="message", id=str(message.row_id), start=new.start, end=new.end, trust=new.trust, at=new.valid_from
        )
        return Entry(
            statement=new,
            scope=FactScope(owner=message.owner),
            sources=(source,),
            actor=f"role:{message.role.value}",
            at=self._clock.now(),
            said=_sentence(learned.content, new.start),
            proves=learned.proves,
        )


class FactLearner:
    """Reads the facts of messages before they are stored."""

    def __init__(self, *, embedder: Embedder, clock: Clock) -> None:
        self._embedder = embedder
        self._clock = clock

    async def read(self, caller: Caller, session: SessionRecord, said: Sequence[Heard]) -> Lesson:
        """An append never fails for this: what cannot be read teaches nothing, and the log says so."""
        # 0.4 ms a message, up to 40 for a long one, and 256 come at once.
        learned = await asyncio.to_thread(_learned, session, said)
        texts = sorted({one.text for its in learned.values() for one in its.statements})
        try:
            made = (
                await caller.deadline.wait(self._embedder.embed(texts, Purpose.PASSAGE), "embedding the facts") if texts else ()
            )
        except Fault as fault:
            log.warning("facts_not_learned", session=session.row_id, code=fault.code)
            return FactLesson({}, {}, self._clock)
        return FactLesson(learned, dict(zip(map(text_digest, texts), made, strict=True)), self._clock)


class FactDependent:
    """Takes facts away with the messages that alone support them. Not `reopens`: for messages that were kept long enough."""

    def __init__(self, clock: Clock, *, reopens: bool = True) -> None:
        self._clock = clock
        self._reopens = reopens

    async def lose(self, tx: Transaction, index: IndexRecord | None, lost: Sequence[Loss]) -> None:
        """Exactly the proofs that stand in what goes; facts without any other go with them."""
        spans = {str(one.message.row_id): one.spans for one in lost}
        if not spans:
            return
        await facts.lock_owner(tx, lost[0].message.owner)
        found = await facts.citing(tx, "message", sorted(spans))
        gone = [(row, source) for row, source in found if _overlaps(source, spans[source.id])]
        await ledger.lose(tx, index, gone, self._change("source_removed"), reopens=self._reopens)

    async def lose_session(self, tx: Transaction, index: IndexRecord | None, session: SessionRecord) -> None:
        """The facts that belong to the session alone."""
        await facts.lock_owner(tx, session.owner)
        for fact in await facts.of_session(tx, session.row_id):
            await discard(tx, index, fact, self._change("session_deleted"), reopens=self._reopens)

    def _change(self, op: str) -> Change:
        return Change(op=op, actor="removal", at=self._clock.now())


def _learned(session: SessionRecord, said: Sequence[Heard]) -> Mapping[int, Learned]:
    learned: dict[int, Learned] = {}
    for heard in (one for one in said if not one.learned):
        try:
            learned[heard.seq] = _learn(heard, user_name(session.owner))
        except _STUMBLES as stumble:
            log.warning("message_not_learned_from", session=session.row_id, seq=heard.seq, error=type(stumble).__name__)
    return learned


def _learn(heard: Heard, user: str) -> Learned:
    speaker = heard.speaker or (user if heard.role is Role.USER else heard.role.value)
    found = extract(
        Said(
            content=heard.content,
            speaker=speaker,
            role=heard.role.value,
            occurred_at=heard.occurred_at,
            trust=heard.trust,
        )
    )
    aliases = find_aliases(heard.content, speaker=speaker) if heard.role is Role.USER else ()
    kept = tuple(one for one in found if _usable(one))
    return Learned(statements=kept, aliases=aliases, content=heard.content, proves=heard.role is Role.USER)


def _usable(one: Statement) -> bool:
    return len(one.text) <= CHARACTERS_MAX and all(fold(part) for part in (one.entity, one.attribute, one.value))


def _overlaps(source: SourceRecord, spans: tuple[tuple[int, int], ...] | None) -> bool:
    return spans is None or any(start < source.end and source.start < end for start, end in spans)


def _sentence(content: str, at: int) -> str:
    """The sentence that holds a place."""
    return next((content[start:end] for start, end in sentences(content) if start <= at < end), "")
