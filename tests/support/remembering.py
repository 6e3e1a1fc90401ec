"""The memory room over a store alone, with a clock that tests turn: sessions, facts, retention. Nothing is projected."""

from collections.abc import Sequence

from core.caller import Caller, Grant
from core.clock import VirtualClock
from core.deadline import Deadline
from core.ids import KeyId, Principal, SessionId, TenantId
from core.limits import Limits
from core.paging import PageRequest
from inference.onnx.tokenizer import TokenizerFile
from inference.port import Embedder
from memory.facts.consolidation import Consolidation
from memory.facts.learning import FactDependent, FactLearner
from memory.facts.service import Facts
from memory.facts.types import FactRequest, WrittenAt
from memory.forgetting.policies import Policies, no_rules
from memory.forgetting.retention import Retention
from memory.sessions.service import Memory
from memory.types import Said, SessionRequest, Wait
from storage import memory_rows
from storage.database import Database
from storage.fact_records import FactRecord
from storage.facts import FactQuery
from storage.memory_records import Role
from storage.retention import Rules

ANN, BOB = Principal("user:ann"), Principal("user:bob")
DAY_S = 86_400
CHAT = SessionId("chat")
TENANT = TenantId("default")


class Unwatched:
    """Nobody projects: what is searchable are the stored rows."""

    def indexed(self, tenant: TenantId) -> int:
        del tenant
        return 0

    def wake(self) -> None:
        pass

    async def wait(self, tenant: TenantId, offset: int, deadline: Deadline) -> None:
        pass


class Room:
    """Of one tenant, for Ann unless another is named."""

    def __init__(self, db: Database, embedder: Embedder) -> None:
        self.db = db
        self.clock = VirtualClock()
        progress, limits, clock = Unwatched(), Limits(), self.clock
        self.facts = Facts(db=db, embedder=embedder, progress=progress, limits=limits, clock=clock)
        self.memory = Memory(
            db=db,
            embedder=embedder,
            counter=TokenizerFile().load(),
            progress=progress,
            limits=limits,
            clock=clock,
            learners=(FactLearner(embedder=embedder, clock=clock),),
        )
        self.policies = Policies(db=db, clock=clock)
        worn = (FactDependent(clock, reopens=False),)
        self.retention = Retention(db=db, progress=progress, clock=clock, dependents=worn)
        self.consolidation = Consolidation(db=db, clock=clock)

    def caller(self, owner: Principal = ANN) -> Caller:
        return Caller(
            tenant=TENANT,
            key_id=KeyId("key_test"),
            subject=owner,
            principals=frozenset({owner}),
            grants=frozenset({Grant.READ, Grant.WRITE, Grant.ADMIN}),
            deadline=Deadline.after(self.clock, 30.0),
            request_id="req_test",
        )

    async def say(self, *contents: str, owner: Principal = ANN, session: SessionId = CHAT, ttl_s: int | None = None) -> None:
        await self.memory.create(self.caller(owner), SessionRequest(id=session, ttl_s=ttl_s))
        said = [Said(role=Role.USER, content=one, speaker="Ann", occurred_at=self.clock.now()) for one in contents]
        await self.memory.append(self.caller(owner), session, said, wait=Wait.STORED)

    async def write(self, value: str, *, owner: Principal = ANN, **more: object) -> WrittenAt:
        request = FactRequest(**{"entity": "Ann", "attribute": "home", "value": value, **more})  # type: ignore[arg-type]  # by name
        return await self.facts.write(self.caller(owner), request, eyes=self.caller(owner))

    async def keep(self, owner: Principal | None = None, **rules: object) -> None:
        """Sets the rules."""
        user = None if owner is None else owner.removeprefix("user:")
        kept = Rules(**{"facts_by_kind": no_rules().facts_by_kind, **rules})  # type: ignore[arg-type]  # by name
        await self.policies.put(self.caller(), user, kept, revision=None)

    async def stored(self, owner: Principal = ANN) -> Sequence[FactRecord]:
        page = await self.facts.page(self.caller(owner), PageRequest(limit=200), FactQuery())
        return [one.record for one in page.items]

    async def values(self, owner: Principal = ANN) -> list[tuple[str, str]]:
        return [(one.value, one.status) for one in await self.stored(owner)]

    async def said(self, owner: Principal = ANN, session: SessionId = CHAT) -> list[str]:
        page = await self.memory.messages(self.caller(owner), session, PageRequest(limit=200))
        return [one.content for one in page.items]

    async def rows(self) -> list[str]:
        """All that is searchable."""
        async with self.db.read(TENANT) as tx:
            return [row.body for row in await memory_rows.page(tx, 0, limit=10_000)]
