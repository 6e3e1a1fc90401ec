"""Who is asking, what they may do, and what they may see. Made from the credential, never from a request body."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from core.deadline import Deadline
from core.errors import Forbidden, NotFound
from core.ids import KeyId, Principal, TenantId, check_name

USER_KIND = "user"


class Grant(StrEnum):
    """What a key may do. `admin` rules one tenant, `operator` all of them; both read past access lists."""

    READ = "read"
    WRITE = "write"
    DELEGATE = "delegate"
    ADMIN = "admin"
    OPERATOR = "operator"


def user_name(owner: Principal) -> str:
    """How the wire names whose memory it is: a user by its id, anything else (`service:bot`) whole."""
    kind, _, name = owner.partition(":")
    return name if kind == USER_KIND else owner


_IMPLIED = {
    Grant.OPERATOR: frozenset(Grant),
    Grant.ADMIN: frozenset(Grant) - {Grant.OPERATOR},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """Which records of one tenant a read may return. `principals` None sees past access lists, for `reason`.

    Made by `Caller.sees` and `Visibility.system` alone, so that an unscoped read cannot be written by accident.
    """

    tenant: TenantId
    principals: frozenset[Principal] | None
    reason: str

    @classmethod
    def system(cls, tenant: TenantId, reason: str) -> "Visibility":
        """For maintenance that no caller asked for. tests/architecture lists every use."""
        return cls(tenant=tenant, principals=None, reason=reason)

    def admits(self, acl: tuple[str, ...] | None) -> bool:
        """Whether a record with this access list may be returned. None is all of the tenant, empty is admins only."""
        if self.principals is None or acl is None:
            return True
        return not self.principals.isdisjoint(acl)


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """An Idempotency-Key under which the answer of a write is kept, in the transaction of that write.

    `digest` is SHA-256 of the request body; `encode` turns the service's answer into the bytes to give again, `status` into
    their HTTP status.
    """

    key: str
    route: str
    digest: bytes
    encode: Callable[[object], bytes]
    status: Callable[[object], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The first argument of every service method. `principals` holds the subject too, unless the caller is `narrowed`: looking
    through the eyes that X-Mnemic-Principals named, exactly those, whatever its grants.
    """

    tenant: TenantId
    key_id: KeyId
    subject: Principal
    principals: frozenset[Principal]
    grants: frozenset[Grant]
    deadline: Deadline
    request_id: str
    once: Once | None = None
    narrowed: bool = False

    def may(self, grant: Grant) -> bool:
        return any(grant == held or grant in _IMPLIED.get(held, frozenset()) for held in self.grants)

    def require(self, grant: Grant) -> None:
        """Raises Forbidden when the credential lacks `grant`."""
        if not self.may(grant):
            raise Forbidden(
                "auth.missing_grant",
                f"this needs the grant '{grant}'; key {self.key_id} has {', '.join(sorted(self.grants)) or 'none'}. "
                "An admin can make a key that has it: POST /v1/admin/keys.",
            )

    def acting_for(self, user: str | None) -> "Caller":
        """The same caller looking through the eyes of `user`, whose memory it may then read and write.

        None is its own subject, or the one user whose eyes it already looks through. Another user's memory needs `delegate` or
        `admin`, and to be among the eyes stated; otherwise it is not there: NotFound.
        """
        own = self._seen_as() if user is None else Principal(f"{USER_KIND}:{check_name(user, what='user_id')}")
        allowed = own in self.principals if self.narrowed else own == self.subject or self.may(Grant.DELEGATE)
        if not allowed:
            raise NotFound("memory.no_such_user", f"there is no user {user or own!r} for this key and whom it looks for.")
        return replace(self, subject=own, principals=frozenset({own}), narrowed=True)

    def _seen_as(self) -> Principal:
        users = [one for one in self.principals if one.startswith(f"{USER_KIND}:")]
        return users[0] if self.narrowed and self.subject not in self.principals and len(users) == 1 else self.subject

    def sees(self) -> Visibility:
        """What this caller may read: past access lists for admins and operators, else what its principals may."""
        if self.may(Grant.ADMIN) and not self.narrowed:
            return Visibility(tenant=self.tenant, principals=None, reason=f"admin {self.key_id}")
        return Visibility(tenant=self.tenant, principals=self.principals, reason="caller")
