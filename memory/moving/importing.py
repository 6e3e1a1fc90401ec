"""A bundle on its way in: in its order, in batches of one transaction each, as far as the deadline allows.

Everything has a stable id, so what is there already is told and not written again: to send a bundle once more is to go on with
it, after a death of the process too. Every write goes through the doors that all writes go through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.caller import Caller, Grant
from core.clock import Clock
from core.errors import TimedOut
from core.limits import Limits
from inference.port import Embedder
from memory.facts.statements import fold
from memory.moving.exporting import origin_of
from memory.moving.items import (
    AliasItem,
    Bundle,
    CloseItem,
    Course,
    End,
    FactItem,
    Flaw,
    Imported,
    Item,
    MessageItem,
    Placed,
    ReplacedItem,
    SecretItem,
    SessionItem,
    Sort,
    Tally,
    TombstoneItem,
)
from memory.moving.restating import Restating
from memory.moving.retelling import Retelling
from memory.sessions.service import Memory
from memory.types import Progress
from storage import changes, entities, erasures, idempotency, tombstones
from storage.database import Database
from storage.tombstones import Grave

# One transaction each: so many take about a second to embed on two cores, and hold the store's one writer for a tenth of it.
MESSAGES_PER_BATCH = 64
MESSAGE_CHARACTERS_PER_BATCH = 128 * 1024
FACTS_PER_BATCH = 32
ROWS_PER_BATCH = 500
# A batch is begun only where so many times the longest until then are left.
MARGIN = 1.5
# Each costs a digest for everything that is written.
SECRETS_MAX = 16


class Importing:
    """Takes bundles in, for one owner at a time: the caller's subject."""

    def __init__(
        self, *, db: Database, memory: Memory, embedder: Embedder, progress: Progress, limits: Limits, clock: Clock
    ) -> None:
        self._db = db
        self._progress = progress
        self._limits = limits
        self._clock = clock
        self._retelling = Retelling(db=db, memory=memory, limits=limits)
        self._restating = Restating(db=db, embedder=embedder, limits=limits, clock=clock)

    async def run(self, caller: Caller, bundle: Bundle, *, eyes: Caller, first: int = 0, dry_run: bool = False) -> Imported:
        """From item number `first` on. `eyes` is who may see the documents that facts cite. TimedOut only when nothing at all
        could be done in time."""
        caller.require(Grant.WRITE)
        course = await self._course(replace(caller, once=None), eyes, bundle, dry_run=dry_run)
        done, longest_s = first, 0.0
        for batch in _batches(bundle.items[first:], min(MESSAGES_PER_BATCH, self._limits.messages_per_call_max)):
            before_s = caller.deadline.remaining_s()
            if done > first and before_s < longest_s * MARGIN:
                break
            try:
                await self._take(course, batch)
            except TimedOut:
                if done == first:
                    raise
                break
            done += len(batch)
            longest_s = max(longest_s, before_s - caller.deadline.remaining_s())
        self._progress.wake()
        return await self._answer(caller, course, None if done >= len(bundle.items) else done)

    async def _course(self, caller: Caller, eyes: Caller, bundle: Bundle, *, dry_run: bool) -> Course:
        async with self._db.read(caller.tenant) as tx:
            return Course(
                caller=caller,
                eyes=eyes,
                origin=bundle.origin,
                here=await origin_of(tx, self._clock),
                learned=bundle.learned,
                dry_run=dry_run,
                erasures=await erasures.count_of(tx, caller.subject),
                tally=Tally(),
            )

    async def _answer(self, caller: Caller, course: Course, next_: int | None) -> Imported:
        tally = course.tally
        async with self._db.write(caller.tenant) as tx:
            imported = Imported(
                counts=dict(tally.counts),
                problems=tuple(tally.problems),
                problems_total=tally.problems_total,
                next=next_,
                offset=await changes.head(tx),
                dry_run=course.dry_run,
            )
            await idempotency.remember(tx, caller, imported)
        return imported

    async def _take(self, course: Course, batch: Sequence[Placed]) -> None:
        """Items of one kind."""
        match batch[0].item:
            case MessageItem():
                await self._retelling.take(course, [(one, one.item) for one in batch if isinstance(one.item, MessageItem)])
            case FactItem():
                await self._restating.take(course, [(one, one.item) for one in batch if isinstance(one.item, FactItem)])
            case ReplacedItem():
                replaced = [one.item for one in batch if isinstance(one.item, ReplacedItem)]
                await self._restating.replace(course, replaced)
            case SessionItem() | CloseItem():
                await self._sessions(course, batch)
            case Flaw():
                for one in batch:
                    if isinstance(one.item, Flaw):
                        course.tally.fail(one, one.item)
            case _:
                await self._rest(course, batch)

    async def _sessions(self, course: Course, batch: Sequence[Placed]) -> None:
        async with self._db.read(course.caller.tenant) as tx:
            await course.check(tx)
        for one in batch:
            if isinstance(one.item, SessionItem):
                await self._retelling.open(course, one, one.item)
            elif isinstance(one.item, CloseItem):
                await self._retelling.close(course, one.item)

    async def _rest(self, course: Course, batch: Sequence[Placed]) -> None:
        """Names and tombstones. A trial run takes them for new."""
        owner, at = course.caller.subject, self._clock.now()
        graves = [
            Grave(scope=one.item.scope, digest=one.item.digest, created_at=one.item.created_at)
            for one in batch
            if isinstance(one.item, TombstoneItem)
        ]
        aliases = [one.item for one in batch if isinstance(one.item, AliasItem)]
        secrets = [(one, one.item.secret) for one in batch if isinstance(one.item, SecretItem)]
        if course.dry_run:
            course.tally.count(Sort.TOMBSTONES, End.ADDED, len(graves))
            course.tally.count(Sort.ALIASES, End.ADDED, len(aliases))
            return
        async with self._db.write(course.caller.tenant) as tx:
            await course.check(tx)
            kept = await tombstones.keep(tx, owner, graves)
            known = await entities.named(tx, owner, [one.alias for one in aliases])
            for one in aliases:
                await entities.call(tx, owner, name=one.name, folded=fold(one.name), alias=one.alias, kind="name", at=at)
            held = set(await tombstones.secrets_of(tx, owner))
            for placed, secret in secrets:
                if secret not in held and len(held) >= SECRETS_MAX:
                    course.tally.note(placed, _TOO_MANY)
                    continue
                held.add(secret)
                await tombstones.add_secret(tx, owner, secret, at)
        course.tally.count(Sort.TOMBSTONES, End.ADDED, kept)
        course.tally.count(Sort.TOMBSTONES, End.DUPLICATES, len(graves) - kept)
        new = sum(one.alias not in known for one in aliases)
        course.tally.count(Sort.ALIASES, End.ADDED, new)
        course.tally.count(Sort.ALIASES, End.DUPLICATES, len(aliases) - new)


_TOO_MANY = Flaw(
    sort=Sort.TOMBSTONES,
    code="memory.too_many_secrets",
    detail=f"this user has tombstones of {SECRETS_MAX} memories, the limit; those under this secret keep nothing out",
)


@dataclass(slots=True)
class _Cut:
    """How much is in the batch so far."""

    key: tuple[object, ...]
    characters: int = 0


def _batches(items: Sequence[Placed], messages_max: int) -> Iterator[list[Placed]]:
    """Neighbours of one kind, of one session where they are messages, in bounded numbers."""
    batch: list[Placed] = []
    cut = _Cut(key=())
    for one in items:
        key, characters = _key(one.item), len(one.item.content) if isinstance(one.item, MessageItem) else 0
        most = (
            messages_max
            if isinstance(one.item, MessageItem)
            else FACTS_PER_BATCH
            if isinstance(one.item, FactItem)
            else ROWS_PER_BATCH
        )
        if batch and (key != cut.key or len(batch) >= most or cut.characters + characters > MESSAGE_CHARACTERS_PER_BATCH):
            yield batch
            batch, cut = [], _Cut(key=key)
        cut.key = key
        cut.characters += characters
        batch.append(one)
    if batch:
        yield batch


def _key(item: Item) -> tuple[object, ...]:
    match item:
        case MessageItem():
            return (MessageItem, item.session)
        case SessionItem() | CloseItem():
            return (SessionItem,)
        case AliasItem() | SecretItem() | TombstoneItem():
            return (TombstoneItem,)
        case _:
            return (type(item),)
