"""Who is asking: a credential and headers become a Caller. Keys are kept in api/keys.py; what a Caller sees is its own."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from api.credentials import digest, split_credential
from api.keys import Keys
from core.caller import Caller, Grant, Once
from core.clock import Clock, SystemClock
from core.deadline import Deadline
from core.errors import Invalid, NotFound, Unauthenticated
from core.ids import DEFAULT_TENANT, KeyId, Principal, TenantId, check_name, check_principal
from core.limits import TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX
from storage.records import KeyRecord

OPERATOR_ID = KeyId("operator")
OPERATOR = Principal("operator:root")
TENANTS = frozenset({DEFAULT_TENANT})
_PRINCIPALS_MAX = 64
_WAYS = "Send `Authorization: Bearer mn_<key id>_<secret>`; an admin makes keys with POST /v1/admin/keys."


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An authenticated key looking through somebody's eyes, before there is a deadline."""

    tenant: TenantId
    key_id: KeyId
    subject: Principal
    principals: frozenset[Principal]
    grants: frozenset[Grant]
    narrowed: bool

    def require(self, grant: Grant) -> None:
        """Forbidden without the grant, before anything of the request is read."""
        self.caller(_NO_DEADLINE, "").require(grant)

    def caller(self, deadline: Deadline, request_id: str, once: Once | None = None) -> Caller:
        return Caller(
            tenant=self.tenant,
            key_id=self.key_id,
            subject=self.subject,
            principals=self.principals,
            grants=self.grants,
            deadline=deadline,
            request_id=request_id,
            once=once,
            narrowed=self.narrowed,
        )


_NO_DEADLINE = Deadline(clock=SystemClock(), at_s=0.0, budget_s=0.0)


class Auth:
    """Knows the operator key and asks `keys` for every other."""

    def __init__(self, keys: Keys, operator_key: str, clock: Clock) -> None:
        self._keys = keys
        self._operator_sha256 = digest(operator_key)
        self._clock = clock

    async def identify(self, headers: Mapping[str, str]) -> Identity:
        """Headers by lower-case name. Unauthenticated, or Forbidden for what the key may not claim."""
        token = _bearer(headers.get("authorization"))
        if hmac.compare_digest(digest(token), self._operator_sha256):
            identity = _operator()
        else:
            identity = _holder(await self._known(token))
        return _through(_in_tenant(identity, headers.get("x-mnemic-tenant")), headers.get("x-mnemic-principals"))

    async def _known(self, token: str) -> KeyRecord:
        parts = split_credential(token)
        key = None if parts is None else await self._keys.find(parts[0])
        # An unknown id is compared too, with a digest that nothing has, so that time tells nothing.
        expected = bytes(32) if key is None else key.secret_sha256
        fits = hmac.compare_digest(digest("" if parts is None else parts[1]), expected)
        if key is None or not fits:
            raise Unauthenticated("auth.unknown_key", f"this credential is not known. {_WAYS}")
        _refuse_ended(key, self._clock.now())
        return key


def timeout_s(header: str | None) -> float:
    """The budget that X-Mnemic-Timeout-Ms asks for, or Invalid."""
    if header is None:
        return TIMEOUT_MS_DEFAULT / 1000
    wanted = int(header) if header.isascii() and header.isdecimal() and len(header) < 10 else 0
    if not 1 <= wanted <= TIMEOUT_MS_MAX:
        raise Invalid(
            "request.invalid_timeout", f"X-Mnemic-Timeout-Ms is {header[:40]!r}; send whole milliseconds, 1 to {TIMEOUT_MS_MAX}"
        )
    return wanted / 1000


def _bearer(header: str | None) -> str:
    if header is None:
        raise Unauthenticated("auth.missing", f"this needs a credential. {_WAYS}")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("auth.malformed", f"the Authorization header is not of the form `Bearer <key>`. {_WAYS}")
    return token.strip()


def _refuse_ended(key: KeyRecord, now: datetime) -> None:
    if key.revoked_at is not None:
        raise Unauthenticated("auth.revoked_key", f"key {key.id} was revoked at {key.revoked_at.isoformat()}. {_WAYS}")
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthenticated("auth.expired_key", f"key {key.id} expired at {key.expires_at.isoformat()}. {_WAYS}")


def _operator() -> Identity:
    return Identity(
        tenant=DEFAULT_TENANT,
        key_id=OPERATOR_ID,
        subject=OPERATOR,
        principals=frozenset({OPERATOR}),
        grants=frozenset({Grant.OPERATOR}),
        narrowed=False,
    )


def _holder(key: KeyRecord) -> Identity:
    return Identity(
        tenant=key.tenant,
        key_id=key.id,
        subject=key.subject,
        principals=frozenset({key.subject, *key.principals}),
        grants=frozenset(key.grants),
        narrowed=False,
    )


def _in_tenant(identity: Identity, wanted: str | None) -> Identity:
    if wanted is None or wanted == identity.tenant:
        return identity
    tenant = TenantId(check_name(wanted, what="X-Mnemic-Tenant"))
    if Grant.OPERATOR not in identity.grants or tenant not in TENANTS:
        # Not yours and not there are one answer.
        raise NotFound("tenants.no_such_tenant", f"there is no tenant {tenant!r} for this key.")
    return replace(identity, tenant=tenant)


def _through(identity: Identity, wanted: str | None) -> Identity:
    """Whose eyes: exactly the principals stated, without an admin's sight past access lists."""
    if wanted is None:
        return identity
    named = [part.strip() for part in wanted.split(",") if part.strip()]
    if not 1 <= len(named) <= _PRINCIPALS_MAX:
        raise Invalid(
            "auth.invalid_principals", f"X-Mnemic-Principals names {len(named)} principals; it takes 1 to {_PRINCIPALS_MAX}"
        )
    principals = frozenset(check_principal(one) for one in named)
    identity.require(Grant.DELEGATE)
    return replace(identity, principals=principals, narrowed=True)
