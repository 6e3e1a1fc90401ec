"""What comes attached to a document becomes documents of their own, which follow it: its access list, its metadata, its end."""

from email.message import EmailMessage

import pytest

from core.filters import Eq
from core.ids import DocumentId
from indexing.types import DeleteSelector, DocumentPatch, Wait
from storage.records import Outcome
from tests.support.indexing import ANN, HANDBOOK, HR, LEGAL, Stack

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

PARENT = DocumentId("mail.eml")
BUDGET, TRAVEL = "mail.eml/1-budget.txt", "mail.eml/2-travel.txt"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def mail(*attachments: str, body: str = "Please find the files attached.", picture: bool = False) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.org", "bob@example.org", "Files"
    message.set_content(body)
    message.make_mixed(boundary="frontier")  # the same content each time
    for name in attachments:
        message.add_attachment(f"The {name} plan speaks of {name} only.", filename=f"{name}.txt")
    if picture:
        message.add_attachment(PNG, maintype="image", subtype="png", filename="logo.png")
    return message.as_bytes()


async def test_attachments_become_documents_with_the_parents_access_list_and_metadata(stack: Stack) -> None:
    await stack.put(PARENT, mail("budget", "travel"), acl=[HR], metadata={"team": "hr"})
    assert await stack.ids() == {PARENT, BUDGET, TRAVEL}
    child = await stack.document(BUDGET)
    assert (child.envelope.acl, child.envelope.metadata) == ((HR,), {"team": "hr"})
    assert await stack.found("the budget plan", caller=stack.caller(ANN)) == set()
    assert (await stack.search("the budget plan", caller=stack.caller(ANN, HR)))[0].document_id == BUDGET


async def test_attachments_go_with_their_parent(stack: Stack) -> None:
    await stack.put(PARENT, mail("budget"))
    await stack.delete(PARENT)
    assert await stack.ids() == set()
    assert await stack.search("the budget plan") == ()


@pytest.mark.parametrize("selector", [DeleteSelector(ids=(PARENT,)), DeleteSelector(condition=Eq("doc.id", PARENT))])
async def test_a_dry_run_counts_attachments_as_the_delete_itself_does(stack: Stack, selector: DeleteSelector) -> None:
    inner = mail("budget")
    outer = EmailMessage()
    outer["From"], outer["To"], outer["Subject"] = "ann@example.org", "bob@example.org", "Forwarded"
    outer.set_content("See the mail attached.")
    outer.add_attachment(inner, maintype="application", subtype="octet-stream", filename="inner.eml")
    await stack.put(PARENT, outer.as_bytes())
    dry = await stack.catalog.delete_documents(stack.admin(), HANDBOOK, selector, dry_run=True)
    done = await stack.catalog.delete_documents(stack.admin(), HANDBOOK, selector, dry_run=False)
    assert (dry.deleted, set(dry.ids)) == (done.deleted, set(done.ids))
    assert done.deleted == 3


async def test_an_attachment_that_is_no_longer_attached_goes_and_the_others_stay(stack: Stack) -> None:
    await stack.put(PARENT, mail("budget", "travel"))
    await stack.put(PARENT, mail("budget", body="Only one file now."))
    assert await stack.ids() == {PARENT, BUDGET}
    assert (await stack.document(BUDGET)).version == 1


async def test_an_attachment_that_was_still_waiting_goes_with_its_parent(still: Stack) -> None:
    await still.put(PARENT, mail("budget"), wait=Wait.STORED)
    (parent,) = await still.claim()
    await still.pipeline.handle(parent)
    await still.delete(PARENT)
    await still.work()
    await still.projector.catch_up()
    assert await still.ids() == set()
    assert await still.search("the budget plan") == ()


async def test_an_attachment_that_was_still_waiting_goes_when_it_is_no_longer_attached(still: Stack) -> None:
    await still.put(PARENT, mail("budget"), wait=Wait.STORED)
    (parent,) = await still.claim()
    await still.pipeline.handle(parent)
    (child,) = await still.claim()
    await still.put(PARENT, mail(body="No file at all."), wait=Wait.STORED)
    (again,) = await still.claim()
    await still.pipeline.handle(again)
    await still.pipeline.handle(child)
    assert await still.ids() == {PARENT}


@pytest.mark.parametrize("how", ["patch", "submit", "submit new content"])
async def test_attachments_follow_their_parents_access_list(stack: Stack, how: str) -> None:
    await stack.put(PARENT, mail("budget"), acl=None)
    if how == "patch":
        await stack.catalog.patch_document(stack.admin(), HANDBOOK, PARENT, DocumentPatch(acl=[LEGAL]))
    else:
        await stack.put(
            PARENT, mail("budget", body="New." if "content" in how else "Please find the files attached."), acl=[LEGAL]
        )
    assert (await stack.document(BUDGET)).envelope.acl == (LEGAL,)
    assert await stack.found("the budget plan", caller=stack.caller(ANN)) == set()
    assert BUDGET in await stack.found("the budget plan", caller=stack.caller(LEGAL))


async def test_an_attachment_that_still_waits_gets_the_access_list_that_its_parent_has_by_then(still: Stack) -> None:
    await still.put(PARENT, mail("budget"), acl=None, wait=Wait.STORED)
    (parent,) = await still.claim()
    await still.pipeline.handle(parent)
    await still.catalog.patch_document(still.admin(), HANDBOOK, PARENT, DocumentPatch(acl=[LEGAL]))
    await still.work()
    assert (await still.document(BUDGET)).envelope.acl == (LEGAL,)


async def test_a_new_attachment_of_a_restricted_parent_is_not_open(stack: Stack) -> None:
    await stack.put(PARENT, mail(), acl=[HR])
    await stack.put(PARENT, mail("budget"))
    assert (await stack.document(BUDGET)).envelope.acl == (HR,)


async def test_an_attachment_that_is_not_read_here_is_skipped_and_its_parent_is_no_failure(stack: Stack) -> None:
    made = await stack.put(PARENT, mail(picture=True), wait=Wait.STORED)
    job = await stack.finished(made.job_id)
    assert (job.state, job.counts.created, job.counts.skipped, job.counts.failed) == ("completed", 1, 1, 0)
    item = (await stack.items(job.id))["mail.eml/1-logo.png"]
    assert (item.outcome, item.code) == (Outcome.SKIPPED, "indexing.unsupported_type")
    assert await stack.ids() == {PARENT}


async def test_passing_over_an_attachment_does_not_swallow_a_newer_one_of_its_name(still: Stack) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "ann@example.org", "Files"
    message.set_content("Hello there.")
    message.add_attachment(PNG, maintype="image", subtype="png", filename="budget.txt")
    await still.put(PARENT, message.as_bytes(), wait=Wait.STORED)
    (parent,) = await still.claim()
    await still.pipeline.handle(parent)
    (picture,) = await still.claim()
    assert picture.content_sha256 is not None
    await still.put(PARENT, mail("budget"), wait=Wait.STORED)
    (again,) = await still.claim()
    await still.pipeline.handle(again)
    await still.pipeline.handle(picture)
    await still.work()
    assert await still.ids() == {PARENT, BUDGET}
