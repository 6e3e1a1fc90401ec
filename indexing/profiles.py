"""What an index profile may say on this installation. Pure."""

import re
from dataclasses import dataclass

from core.filters import RESERVED
from core.profile import IndexProfile
from indexing.errors import invalid_profile

CHUNK_TOKENS_MIN = 32
RANGE_FIELDS_MAX = 16

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """`embedder` is the name of the one that runs; `languages` those that the keyword analysis knows; `tokens_max` the
    embedder's window.
    """

    embedder: str
    languages: frozenset[str]
    tokens_max: int
    default: IndexProfile

    def check(self, profile: IndexProfile) -> None:
        """Raises Invalid naming the field, its value and what is allowed."""
        if profile.embedder not in {None, self.embedder}:
            raise invalid_profile(f"embedder {profile.embedder!r} is not configured here; this service runs {self.embedder!r}")
        if not CHUNK_TOKENS_MIN <= profile.chunk_tokens <= self.tokens_max:
            raise invalid_profile(
                f"chunk_tokens is {profile.chunk_tokens}; the embedder takes {CHUNK_TOKENS_MIN} to {self.tokens_max}"
            )
        if not 0 <= profile.chunk_overlap <= profile.chunk_tokens // 2:
            raise invalid_profile(
                f"chunk_overlap is {profile.chunk_overlap}; it must be 0 to half of chunk_tokens ({profile.chunk_tokens // 2})"
            )
        if profile.language not in self.languages:
            raise invalid_profile(f"language {profile.language!r} is not known; known are {', '.join(sorted(self.languages))}")
        if len(profile.range_fields) > RANGE_FIELDS_MAX:
            raise invalid_profile(f"range_fields has {len(profile.range_fields)} fields; the limit is {RANGE_FIELDS_MAX}")
        for field in profile.range_fields:
            if field in RESERVED or not _FIELD.fullmatch(field):
                raise invalid_profile(f"range_fields names {field[:140]!r}, which is no metadata field")
        if not 0.0 <= profile.fusion.dense_weight <= 1.0:
            raise invalid_profile(f"fusion.dense_weight is {profile.fusion.dense_weight}; it must be 0 to 1")
