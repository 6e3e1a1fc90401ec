"""What a parser hands on: canonical text, blocks that point into it, children. No format and no process is known here."""

from dataclasses import dataclass
from enum import StrEnum


class BlockKind(StrEnum):
    """What a stretch of canonical text is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`[start, end)` in code points of the canonical text.

    `level` is 1 to 9 for headings, the depth from 0 for list items. `page` counts from 1, None where the format has no pages.
    A table has one row a line; the first `header_end - start` code points of it are its header rows, none when
    `header_end` equals `start`.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int | None = None
    header_end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A document inside a document, such as an e-mail's attachment. `media_type` is what the container claims."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """Canonical text and what is known about it.

    The text has no NUL and no lone surrogate (both became U+FFFD), no byte order mark, and a bare line feed for every line end.
    Blocks ascend and do not overlap; text between them may be anything. `media_type` is what the bytes are.
    """

    text: str
    blocks: tuple[Block, ...]
    media_type: str
    title: str | None = None
    pages: int | None = None
    children: tuple[Child, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """What a parser refuses to go beyond. Sizes of archives are checked before anything is unpacked. Past `blocks_max` the
    rest is one block, which is no refusal."""

    text_characters_max: int = 10 * 1024 * 1024
    blocks_max: int = 200_000
    nesting_max: int = 1_000
    children_max: int = 100
    child_bytes_max: int = 32 * 1024 * 1024
    children_bytes_max: int = 128 * 1024 * 1024
    zip_members_max: int = 10_000
    zip_member_bytes_max: int = 256 * 1024 * 1024
    zip_total_bytes_max: int = 512 * 1024 * 1024
    zip_ratio_max: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a parser is given. `filename` and `media_type` are claims: they only decide between kinds of text."""

    content: bytes
    filename: str = ""
    media_type: str | None = None
    limits: ParseLimits = ParseLimits()

    @property
    def extension(self) -> str:
        """Lower case, without the dot; empty when there is none."""
        name = self.filename.rsplit("/", 1)[-1]
        return name.rsplit(".", 1)[-1].lower() if "." in name else ""
