"""Bundles as bytes: written line by line with a trailer that tells whether all came, and read back asking just that.
Needs no store: the command uses it too."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.wire.bundle import LINE, AnyLine, Content, HeaderLine, TrailerLine
from core.errors import Invalid

_NO_PREFIX = re.compile("^(body: |the body is no valid JSON: )")


class Writer:
    """Lines as bytes, and at the end the line that counts them."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._counts: Counter[str] = Counter()

    def lines(self, lines: Iterable[AnyLine]) -> bytes:
        return b"".join(map(self._line, lines))

    def trailer(self) -> bytes:
        return LINE.write(TrailerLine(counts=dict(self._counts), sha256=self._digest.hexdigest())) + b"\n"

    def _line(self, line: AnyLine) -> bytes:
        written = LINE.write(line) + b"\n"
        self._digest.update(written)
        self._counts[line.kind] += 1
        return written


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A line with its number, from 1; what it is, or why it is none."""

    number: int
    line: Content | None
    flaw: str = ""


class Reader:
    """Reads a bundle. `part`: header and some lines of one, without a trailer."""

    def __init__(self, raw: Iterable[bytes], *, part: bool = False) -> None:
        self._raw = iter(enumerate(raw, start=1))
        self._part = part
        self._digest = hashlib.sha256()
        self.header = self._header()

    def content(self) -> Iterator[Numbered]:
        """What stands between header and trailer. Invalid at the end when the bundle is not what its trailer says, or has
        none."""
        for number, raw in self._raw:
            if not raw.strip():
                self._digest.update(raw)
                continue
            found = _line(number, raw)
            if isinstance(found, TrailerLine):
                self._end(number, found)
                return
            self._digest.update(raw)
            yield found
        if not self._part:
            raise _broken("it ends before its trailer: it was cut off, or the export had not ended")

    def _header(self) -> HeaderLine:
        number, raw = next(self._raw, (0, b""))
        self._digest.update(raw)
        try:
            found = LINE.read(raw)
        except Invalid as flaw:
            raise _broken(f"its first line is no header: {flaw.message}") from None
        if not isinstance(found, HeaderLine):
            raise _broken(f"line {number} is a {found.kind}; a header of format 'mnemic.memory' comes first")
        return found

    def _end(self, number: int, trailer: TrailerLine) -> None:
        if not self._part and trailer.sha256 != self._digest.hexdigest():
            raise _broken(f"its {number - 1} lines are not those that its trailer counted: some were changed, lost or added")
        for behind, raw in self._raw:
            if raw.strip():
                raise _broken(f"line {behind} stands behind its trailer")


def _line(number: int, raw: bytes) -> Numbered | TrailerLine:
    try:
        found = LINE.read(raw)
    except Invalid as flaw:
        return Numbered(number=number, line=None, flaw=_NO_PREFIX.sub("", flaw.message))
    if isinstance(found, TrailerLine):
        return found
    if isinstance(found, HeaderLine):
        return Numbered(number=number, line=None, flaw="is a second header")
    return Numbered(number=number, line=found)


def _broken(why: str) -> Invalid:
    way_out = "Export it again, or send what there is with part=true (--partial)."
    return Invalid("memory.broken_bundle", f"the bundle is not whole: {why}. Nothing was taken in. {way_out}")
