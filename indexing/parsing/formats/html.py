"""HTML: headings, paragraphs, lists, tables and code of the main content. Scripts, navigation and hidden parts are left out."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from indexing.parsing.formats.html_blocks import BlockWriter
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

_DROPPED = frozenset((
    "script", "style", "noscript", "template", "iframe", "svg", "canvas", "object", "embed", "audio", "video", "nav",
    "aside", "footer", "head", "button", "select", "datalist", "input", "textarea", "map", "dialog", "-comment",
    "!doctype", "_comment",
))  # fmt: skip
_DROPPED_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "menubar", "dialog", "alert"})
_DEPTH_MAX = 512
# Tags that are closed by hand; the others close each other, and do not add up.
_NESTING = re.compile(
    r"<(/?)(?:div|span|section|article|blockquote|table|tbody|tr|td|ul|ol|dl|b|i|u|a|em|strong|font|center|small|big|code|tt|s|nobr|form|"
    r"figure|details|main|header|fieldset|label|button|object|svg|math)\b[^<>]*>",
    re.IGNORECASE,
)
# A `main` that holds less than this share of the page's text is a frame for something else.
_MAIN_SHARE_MIN = 0.25


def parse(text: str, source: Source) -> ParsedDocument:
    builder = TextBuilder(source.limits)
    tree = LexborHTMLParser(_flattened(text))
    title = tree.css_first("head > title")
    writer = BlockWriter(builder)
    root = _main(tree)
    if root is not None:
        for entered, node in _events(root):
            if node.is_text_node:
                writer.text(node.text_content or "")
            elif entered:
                writer.enter(node.tag or "", node)
            else:
                writer.leave(node.tag or "")
    writer.close()
    builder.title = (title.text() if title else None) or writer.first_heading
    return builder.build("text/html")


def _flattened(text: str) -> str:
    """The page without the tags that nest deeper than any page needs: the time of building the tree is quadratic in its depth
    (1.2 s for 20,000 levels). Browsers stop at 512 as well."""
    if text.count("</") <= _DEPTH_MAX:
        return text
    depth = 0
    kept: list[str] = []
    position = 0
    for tag in _NESTING.finditer(text):
        closes = tag.group(1) == "/"
        depth += -1 if closes else 1
        if depth + closes > _DEPTH_MAX:
            kept.append(text[position : tag.start()])
            position = tag.end()
        depth = max(0, depth)
    return "".join([*kept, text[position:]]) if kept else text


def _main(tree: LexborHTMLParser) -> LexborNode | None:
    body = tree.body or tree.root
    if body is None:
        return None
    size = len(body.text_content or "")
    for selector in ("main", "[role=main]", "#mw-content-text", "article"):
        found = tree.css(selector)
        if len(found) == 1 and len(found[0].text_content or "") >= _MAIN_SHARE_MIN * size:
            return found[0]
    return body


def _events(root: LexborNode) -> Iterator[tuple[bool, LexborNode]]:
    """(True, node) on the way in, (False, node) on the way out; without recursion, since pages nest 100,000 deep."""
    node, depth = root, 0
    while True:
        dropped = not node.is_text_node and depth > 0 and _is_dropped(node)
        if not dropped:
            yield True, node
            child = node.first_child
            if child is not None:
                node, depth = child, depth + 1
                continue
            if not node.is_text_node:
                yield False, node
        while (following := node.next) is None or depth == 0:
            parent = node.parent
            if depth == 0 or parent is None:
                return
            node, depth = parent, depth - 1
            yield False, node
        node = following


def _is_dropped(node: LexborNode) -> bool:
    if not node.is_element_node or node.tag in _DROPPED:
        return True
    attributes = node.attributes
    if not attributes:
        return False
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        attributes.get("role") in _DROPPED_ROLES
        or "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or "display:none" in style
    )
