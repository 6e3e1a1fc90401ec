"""Callers made from headers, and keys remembered no longer than promised: on the real store, under a clock turned by hand."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from api.auth import Auth, Identity, timeout_s
from api.credentials import credential, split_credential
from api.keys import KEY_CACHED_S, Keys
from api.wire.keys import KeyIn
from core.caller import Caller
from core.clock import VirtualClock
from core.deadline import Deadline
from core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from core.ids import DEFAULT_TENANT, KeyId
from storage import tenants
from storage.database import Database
from storage.migrate import upgrade

OPERATOR_KEY = "correct horse battery staple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Keys of one store, seen by two processes."""

    clock: VirtualClock
    keys: Keys
    elsewhere: Keys
    auth: Auth

    async def identify(self, token: str, **headers: str) -> Identity:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.auth.identify({"authorization": f"Bearer {token}", **named})

    async def operator(self) -> Caller:
        return called(await self.identify(OPERATOR_KEY))


def called(identity: Identity) -> Caller:
    return identity.caller(Deadline.after(VirtualClock(), 10), "req_1")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncGenerator[Office]:
    url = f"sqlite:///{tmp_path / 'mnemic.db'}"
    await upgrade(url)
    database, clock = Database.open(url), VirtualClock()
    async with database.system_write("the test's tenant") as tx:
        await tenants.ensure(tx, DEFAULT_TENANT, clock.now())
    keys = Keys(database, clock)
    yield Office(clock=clock, keys=keys, elsewhere=Keys(database, clock), auth=Auth(keys, OPERATOR_KEY, clock))
    await database.close()


async def test_a_key_names_tenant_subject_and_principals(office: Office) -> None:
    body = KeyIn(subject="user:ann", grants=("read",), principals=("group:hr",))
    _, token = await office.keys.create(await office.operator(), body)
    ann = called(await office.identify(token))
    assert (ann.tenant, ann.subject, ann.principals) == ("default", "user:ann", {"user:ann", "group:hr"})
    assert ann.sees().principals == {"user:ann", "group:hr"}


async def test_a_key_revoked_elsewhere_works_a_second_at_most(office: Office) -> None:
    operator = await office.operator()
    key, token = await office.keys.create(operator, KeyIn(subject="user:ann", grants=("read",)))
    await office.identify(token)
    await office.elsewhere.revoke(operator, key.id)
    office.clock.advance(KEY_CACHED_S)
    with pytest.raises(Unauthenticated, match="revoked"):
        await office.identify(token)


async def test_a_key_revoked_here_works_no_more_at_all(office: Office) -> None:
    operator = await office.operator()
    key, token = await office.keys.create(operator, KeyIn(subject="user:ann", grants=("read",)))
    await office.identify(token)
    await office.keys.revoke(operator, key.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await office.identify(token)
    with pytest.raises(NotFound):
        await office.keys.revoke(operator, key.id)


async def test_a_key_expires_though_it_is_remembered(office: Office) -> None:
    expires_at = office.clock.now() + timedelta(seconds=0.5)
    body = KeyIn(subject="user:ann", grants=("read",), expires_at=expires_at)
    _, token = await office.keys.create(await office.operator(), body)
    await office.identify(token)
    office.clock.advance(0.6)
    with pytest.raises(Unauthenticated, match="expired"):
        await office.identify(token)


async def test_an_admin_neither_makes_nor_ends_an_operator(office: Office) -> None:
    operator = await office.operator()
    _, token = await office.keys.create(operator, KeyIn(subject="user:boss", grants=("admin",)))
    above, _ = await office.keys.create(operator, KeyIn(subject="user:root", grants=("operator",)))
    boss = called(await office.identify(token))
    with pytest.raises(Forbidden):
        await office.keys.create(boss, KeyIn(subject="user:ann", grants=("operator",)))
    with pytest.raises(Forbidden):
        await office.keys.revoke(boss, above.id)


async def test_named_eyes_replace_an_admins_sight_but_not_its_grants(office: Office) -> None:
    narrowed = called(await office.identify(OPERATOR_KEY, x_mnemic_principals="user:ann"))
    assert narrowed.sees().principals == {"user:ann"}
    assert (await office.operator()).sees().principals is None
    assert narrowed.grants == (await office.operator()).grants


def test_a_credential_is_parted_at_its_last_underscore() -> None:
    assert split_credential(credential("key_01_x", "abc")) == (KeyId("key_01_x"), "abc")
    for wrong in ("", "mn_", "mn_x", "mn_x_", "xx_key_abc", "key_1_abc"):
        assert split_credential(wrong) is None


@pytest.mark.parametrize("header, seconds", [(None, 10.0), ("1", 0.001), ("60000", 60.0)])
def test_a_timeout_is_milliseconds(header: str | None, seconds: float) -> None:
    assert timeout_s(header) == seconds


@pytest.mark.parametrize("header", ["0", "60001", "-1", "1.5", " 1", "¹", ""])
def test_a_wrong_timeout_is_refused(header: str) -> None:
    with pytest.raises(Invalid):
        timeout_s(header)
