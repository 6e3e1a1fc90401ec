"""Whatever three tenants submit, patch and delete under the same names, in whatever order and however far the worker is: in the
end each of them finds what a dictionary would hold, and never a word of the others."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.caller import Caller, Grant
from core.errors import Conflict, NotFound
from core.ids import DocumentId, IndexName, Principal, TenantId
from core.paging import PageRequest
from indexing.types import KEPT, DocumentPatch, Kept, Wait
from tests.support.indexing import ANN, HR, Stack

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

TENANTS = ("red", "green", "blue")
DOCUMENTS = ("a", "b", "c")
WORDS = ("harbour", "canteen", "parking")
Acl = tuple[Principal, ...] | None


@dataclass(frozen=True)
class Submit:
    tenant: str
    document: str
    word: str
    team: str
    acl: Acl | Kept


@dataclass(frozen=True)
class Patch:
    tenant: str
    document: str
    team: str | None
    acl: Acl | Kept


@dataclass(frozen=True)
class Delete:
    tenant: str
    document: str


@dataclass(frozen=True)
class Work:
    """The worker takes so many items, the last or the first of those that wait; then the engine catches up, or not."""

    items: int
    last_first: bool
    project: bool


@dataclass(frozen=True)
class Look:
    """Somebody searches in the middle of it all."""

    tenant: str
    word: str


Step = Submit | Patch | Delete | Work | Look
_tenant, _document, _word = st.sampled_from(TENANTS), st.sampled_from(DOCUMENTS), st.sampled_from(WORDS)
_team = st.sampled_from(("hr", "it"))
_acl = st.sampled_from((KEPT, None, (), (HR,), (ANN,)))
_steps = st.lists(
    st.one_of(
        st.builds(Submit, tenant=_tenant, document=_document, word=_word, team=_team, acl=_acl),
        st.builds(Submit, tenant=_tenant, document=_document, word=_word, team=_team, acl=_acl),
        st.builds(Patch, tenant=_tenant, document=_document, team=st.none() | _team, acl=_acl),
        st.builds(Delete, tenant=_tenant, document=_document),
        st.builds(Work, items=st.integers(1, 4), last_first=st.booleans(), project=st.booleans()),
        st.builds(Look, tenant=_tenant, word=_word),
    ),
    min_size=4,
    max_size=24,
)


@dataclass(frozen=True)
class Expected:
    text: str
    team: str
    acl: Acl


@dataclass
class History:
    """One example: an index of its own for each tenant, beside a dictionary of what should be in it."""

    stack: Stack
    index: IndexName
    model: dict[tuple[str, str], Expected] = field(default_factory=dict[tuple[str, str], Expected])

    async def run(self, steps: list[Step]) -> None:
        for tenant in TENANTS:
            await self.stack.add_index(self.index, tenant=tenant)
        for step in steps:
            await self._step(step)
        await self.stack.work()
        await self.stack.projector.catch_up()
        for tenant in TENANTS:
            await self._compare(tenant)

    async def _step(self, step: Step) -> None:
        match step:
            case Submit():
                await self._submit(step)
            case Patch():
                await self._patch(step)
            case Delete(tenant, document):
                await self._delete(tenant, document)
            case Work():
                await self._work(step)
            case Look(tenant, word):
                await self._look(tenant, word)

    async def _submit(self, step: Submit) -> None:
        text = _text(step.tenant, step.document, step.word)
        caller = self.stack.admin(step.tenant)
        metadata = {"team": step.team}
        await self.stack.put(
            step.document, text, index=self.index, caller=caller, wait=Wait.STORED, metadata=metadata, acl=step.acl
        )
        known = self.model.get((step.tenant, step.document))
        kept = None if known is None else known.acl
        acl = kept if isinstance(step.acl, Kept) else step.acl
        self.model[step.tenant, step.document] = Expected(text=text, team=step.team, acl=acl)

    async def _patch(self, step: Patch) -> None:
        metadata = KEPT if step.team is None else {"team": step.team}
        patch = DocumentPatch(metadata=metadata, acl=step.acl)
        known = self.model.get((step.tenant, step.document))
        try:
            await self.stack.catalog.patch_document(self.stack.admin(step.tenant), self.index, DocumentId(step.document), patch)
        except NotFound:
            known = None
        except Conflict:
            return  # it waits to be published for the first time
        if known is None:
            assert (step.tenant, step.document) not in self.model
            return
        changed = replace(known, team=step.team or known.team)
        self.model[step.tenant, step.document] = changed if isinstance(step.acl, Kept) else replace(changed, acl=step.acl)

    async def _delete(self, tenant: str, document: str) -> None:
        known = self.model.pop((tenant, document), None)
        if known is not None:
            await self.stack.delete(document, index=self.index, caller=self.stack.admin(tenant))
            return
        with pytest.raises(NotFound):
            await self.stack.delete(document, index=self.index, caller=self.stack.admin(tenant))

    async def _work(self, step: Work) -> None:
        claims = await self.stack.claim(step.items)
        for claim in reversed(claims) if step.last_first else claims:
            await self.stack.pipeline.handle(claim)
        if step.project:
            await self.stack.projector.catch_up()

    async def _look(self, tenant: str, word: str) -> None:
        """Whatever is found in the middle is a whole document of this tenant that is live this moment."""
        await self.stack.projector.catch_up()
        for passage in await self.stack.search(word, caller=self.stack.admin(tenant), index=self.index):
            record = await self.stack.document(passage.document_id, index=self.index, caller=self.stack.admin(tenant))
            assert (record.version, passage.metadata) == (passage.version, record.envelope.metadata)
            assert passage.text.startswith(f"{tenant} {passage.document_id} ")

    async def _compare(self, tenant: str) -> None:
        expected = {document: one for (owner, document), one in self.model.items() if owner == tenant}
        for caller in (self.stack.admin(tenant), self._user(tenant, HR), self._user(tenant, ANN)):
            sight = caller.sees()
            seen = {document: one for document, one in expected.items() if sight.admits(one.acl)}
            listed = await self.stack.catalog.documents(caller, self.index, PageRequest(), prefix=None, status=None)
            assert {one.id: (one.envelope.metadata, one.envelope.acl) for one in listed.items} == {
                document: ({"team": one.team}, one.acl) for document, one in seen.items()
            }
            found = await self.stack.search(" ".join(WORDS), caller=caller, index=self.index)
            assert {one.document_id: one.text for one in found} == {document: one.text for document, one in seen.items()}
            condition = {"eq": ["team", "hr"]}
            filtered = await self.stack.search(" ".join(WORDS), caller=caller, index=self.index, condition=condition)
            assert {one.document_id for one in filtered} == {document for document, one in seen.items() if one.team == "hr"}

    def _user(self, tenant: str, principal: Principal) -> Caller:
        return self.stack.caller(principal, grants=(Grant.READ,), tenant=tenant)


def _text(tenant: str, document: str, word: str) -> str:
    return f"{tenant} {document} speaks of the {word}."


@pytest_asyncio.fixture(loop_scope="session")
async def three(still: Stack) -> AsyncGenerator[Stack]:
    for tenant in TENANTS:
        await still.add_tenant(tenant)
    yield still


_examples = iter(range(1_000_000))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=_steps)
async def test_every_tenant_finds_what_it_last_wrote_and_nothing_of_the_others(three: Stack, steps: list[Step]) -> None:
    await History(three, IndexName(f"history-{next(_examples)}")).run(steps)


async def test_tenants_of_one_index_name_and_one_document_id_do_not_meet(three: Stack) -> None:
    for tenant in TENANTS:
        await three.add_index("same", tenant=tenant)
        await three.put("a", _text(tenant, "a", "harbour"), index="same", caller=three.admin(tenant), wait=Wait.STORED)
    await three.work()
    await three.projector.catch_up()
    await three.delete("a", index="same", caller=three.admin("red"))
    await three.projector.catch_up()
    texts = {tenant: [one.text for one in await three.search("harbour", caller=three.admin(tenant))] for tenant in TENANTS}
    assert texts == {"red": [], "green": ["green a speaks of the harbour."], "blue": ["blue a speaks of the harbour."]}
    assert {tenant: await three.head(TenantId(tenant)) for tenant in TENANTS} == {"red": 2, "green": 1, "blue": 1}
