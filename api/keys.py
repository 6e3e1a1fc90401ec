"""Credentials: made, listed, revoked, and looked up quickly. Only SHA-256 of a secret is kept. Who may do what with one is
api/auth.py's and core/caller.py's matter."""

import secrets
from datetime import datetime

from api.credentials import credential, digest
from api.wire.keys import KeyIn
from core.caller import Caller, Grant
from core.clock import Clock
from core.errors import Forbidden, Invalid, NotFound
from core.ids import KeyId, check_principal, make_id
from core.paging import Page, PageRequest
from storage import idempotency, keys
from storage.database import Database
from storage.records import KeyRecord

KEY_CACHED_S = 1.0  # how long another process's revocation may take to be seen here
_CACHED_MAX = 4_096


class Keys:
    """The keys of all tenants."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._cached: dict[KeyId, tuple[KeyRecord, float]] = {}
        self._epoch = 0  # moves with every revocation here, so that a look-up under way cannot put the old key back

    async def find(self, key_id: KeyId) -> KeyRecord | None:
        """The key, revoked and expired ones too, as of at most a second ago."""
        held = self._cached.get(key_id)
        if held is not None and self._clock.monotonic() - held[1] < KEY_CACHED_S:
            return held[0]
        epoch, at_s = self._epoch, self._clock.monotonic()
        async with self._database.system_read("a key names its tenant") as tx:
            key = await keys.find(tx, key_id)
        if key is not None and epoch == self._epoch:
            self._keep(key, at_s)
        return key

    async def create(self, caller: Caller, wanted: KeyIn) -> tuple[KeyRecord, str]:
        """A new key of the caller's tenant and its credential, which nobody can read again. Needs admin."""
        caller.require(Grant.ADMIN)
        key, secret = self._make(caller, wanted)
        async with self._database.write(caller.tenant) as tx:
            await keys.add(tx, key)
            # The credential stays out of what is remembered: an answer given again has `key: null`.
            await idempotency.remember(tx, caller, (key, None))
        return key, credential(key.id, secret)

    async def page(self, caller: Caller, request: PageRequest) -> Page[KeyRecord]:
        """The tenant's keys, oldest first. Needs admin."""
        caller.require(Grant.ADMIN)
        async with self._database.read(caller.tenant) as tx:
            return await keys.page(tx, request)

    async def revoke(self, caller: Caller, key_id: KeyId) -> datetime:
        """Ends a key: at once in this process, within a second in others. NotFound when there is no such living key."""
        caller.require(Grant.ADMIN)
        at = self._clock.now()
        async with self._database.write(caller.tenant) as tx:
            known = await keys.find(tx, key_id)
            if known is not None and known.tenant == caller.tenant:
                _refuse_beyond(caller, known.grants)
            revoked = await keys.revoke(tx, key_id, at)
        self._epoch += 1
        self._cached.pop(key_id, None)
        if not revoked:
            raise NotFound("keys.no_such_key", f"there is no living key {key_id[:140]!r}; GET /v1/admin/keys lists them.")
        return at

    def _make(self, caller: Caller, wanted: KeyIn) -> tuple[KeyRecord, str]:
        grants = tuple(Grant(name) for name in dict.fromkeys(wanted.grants))
        _refuse_beyond(caller, grants)
        now = self._clock.now()
        if wanted.expires_at is not None and wanted.expires_at <= now:
            raise Invalid("keys.already_expired", f"expires_at {wanted.expires_at.isoformat()} is in the past")
        subject = check_principal(wanted.subject)
        secret = secrets.token_hex(32)
        key = KeyRecord(
            id=KeyId(make_id("key", now)),
            tenant=caller.tenant,
            name=wanted.name,
            secret_sha256=digest(secret),
            subject=subject,
            principals=tuple(sorted({check_principal(one) for one in wanted.principals} - {subject})),
            grants=grants,
            created_at=now,
            expires_at=wanted.expires_at,
            revoked_at=None,
        )
        return key, secret

    def _keep(self, key: KeyRecord, at_s: float) -> None:
        if len(self._cached) >= _CACHED_MAX:
            self._cached.clear()
        self._cached[key.id] = (key, at_s)


def _refuse_beyond(caller: Caller, grants: tuple[Grant, ...]) -> None:
    beyond = sorted(grant for grant in grants if not caller.may(grant))
    if beyond:
        raise Forbidden(
            "keys.beyond_own_grants",
            f"key {caller.key_id} cannot make or end a key with {', '.join(beyond)}, which it does not have itself; "
            "use a key that has it (the operator key has all).",
        )
