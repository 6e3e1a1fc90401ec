"""The border to lxml, which has no types: what the Office formats use of an XML element, and how one is read safely."""

from collections.abc import Iterator
from typing import Protocol, cast

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] - lxml ships no types


class Element(Protocol):
    """An lxml element. `tag` is no string for comments and processing instructions."""

    tag: object
    text: str | None

    def get(self, key: str, /) -> str | None: ...
    def find(self, path: str, /) -> "Element | None": ...
    def findtext(self, path: str, /) -> str | None: ...
    def iter(self, tag: str, /) -> Iterator["Element"]: ...
    def iterancestors(self) -> Iterator["Element"]: ...
    def __iter__(self) -> Iterator["Element"]: ...
    def __reversed__(self) -> Iterator["Element"]: ...
    def __len__(self) -> int: ...


LXML_ERROR = cast("type[Exception]", etree.LxmlError)  # pyright: ignore[reportUnknownMemberType] - as above


def read_element(content: bytes) -> Element:
    """The root, with entities and the network off. Raises LXML_ERROR."""
    parser: object = etree.XMLParser(resolve_entities=False, no_network=True)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - as above
    return cast("Element", etree.fromstring(content, parser))  # pyright: ignore[reportUnknownMemberType] - as above
