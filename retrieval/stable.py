"""The tag of a stable prefix, and why it changed. The tag itself says what it was made of, so that no server has to remember
it."""

import hashlib
import re
from collections.abc import Sequence

from retrieval.pieces import Piece, Section

# 40 bits a part: a tag is compared with the one before of the same session, not looked up among many.
PART_DIGITS = 10
TAG_CHARACTERS_MAX = 100

_TAG = re.compile(rf'(?:W/)?"?sp1((?:-[0-9a-f]{{{PART_DIGITS}}}){{4}})"?')
_PARTS = ("rules", "summary", "memories", "text")
_REASONS = {
    "rules": "the instructions, the format or the fence are others",
    "summary": "the summary was rebuilt",
    "memories": "long-lived memories were added, changed or forgotten",
    "text": "the same pieces are written in another way",
}


def tag(*, rules: str, pieces: Sequence[Piece], text: str) -> str:
    """The ETag of a prefix: `rules` is all that shaped it beside the pieces."""
    parts = (
        rules,
        repr([(one.id, one.version, one.text) for one in pieces if one.section is Section.SUMMARY]),
        repr([(one.id, one.text, one.before) for one in pieces if one.section is not Section.SUMMARY]),
        text,
    )
    return "sp1" + "".join(f"-{_digest(part)}" for part in parts)


def changed_because(before: str | None, now: str) -> str | None:
    """In words, what differs between two tags; None when nothing does, or when there is nothing to compare with."""
    if before is None or before == now:
        return None
    old, new = _TAG.fullmatch(before), _TAG.fullmatch(now)
    assert new is not None, now
    if old is None:
        return "the tag before is none of this version"
    pairs = zip(_PARTS, old[1].split("-")[1:], new[1].split("-")[1:], strict=True)
    changed = [name for name, one, other in pairs if one != other]
    told = [_REASONS[name] for name in changed if name != "text"] or [_REASONS[name] for name in changed]
    return "; ".join(told) or None


def _digest(part: str) -> str:
    return hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:PART_DIGITS]
