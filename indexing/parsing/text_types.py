"""Which kind of text a text is: HTML, XML, mail, JSON, JSON lines, delimited rows, Markdown, source code, or plain prose."""

import json
import re

from indexing.parsing.formats.delimited import sniff
from indexing.parsing.types import Source

PLAIN = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
XML = "application/xml"
JSON = "application/json"
JSONL = "application/x-ndjson"
CSV = "text/csv"
TSV = "text/tab-separated-values"
MAIL = "message/rfc822"
MBOX = "application/mbox"
SOURCE_CODE = "text/x-source"

_HEAD = 16 * 1024
_CODE_EXTENSIONS = frozenset((
    "py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "tsx", "java", "kt", "kts", "scala", "go", "rs", "c", "h", "cc", "cpp",
    "cxx", "hpp", "cs", "fs", "swift", "m", "mm", "rb", "php", "pl", "pm", "lua", "r", "jl", "sql", "sh", "bash", "zsh",
    "fish", "ps1", "bat", "cmd", "hs", "elm", "clj", "cljs", "ex", "exs", "erl", "dart", "groovy", "gradle", "proto",
    "graphql", "tf", "hcl", "nix", "vue", "svelte", "css", "scss", "less", "asm", "s", "v", "sv", "vhd", "toml", "ini",
    "cfg", "conf", "yaml", "yml", "dockerfile", "makefile", "cmake", "diff", "patch",
))  # fmt: skip
_BY_EXTENSION = {
    "md": MARKDOWN, "markdown": MARKDOWN, "mdx": MARKDOWN, "csv": CSV, "tsv": TSV, "tab": TSV, "txt": PLAIN, "text": PLAIN,
    "log": PLAIN, "html": HTML, "htm": HTML, "xhtml": HTML, "xml": XML, "json": JSON, "jsonl": JSONL, "ndjson": JSONL,
    "eml": MAIL, "mht": MAIL, "mhtml": MAIL, "mbox": MBOX, "rst": PLAIN, "org": PLAIN,
}  # fmt: skip
_CLAIMS = {
    "text/markdown": MARKDOWN, "text/x-markdown": MARKDOWN, "text/csv": CSV, "application/csv": CSV, "text/html": HTML,
    "text/tab-separated-values": TSV, "text/plain": PLAIN, "application/xhtml+xml": HTML, "text/xml": XML,
    "application/xml": XML, "application/json": JSON, "application/x-ndjson": JSONL, "application/jsonl": JSONL,
    "message/rfc822": MAIL, "application/mbox": MBOX,
}  # fmt: skip
_HTML_START = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_HTML_ROOT = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_HTML_TAGS = re.compile(r"</(?:p|div|table|ul|ol|h[1-6]|span|a|td|title)\s*>", re.IGNORECASE)
_XML_START = re.compile(r"<(?:\?xml\b|!DOCTYPE\s|[A-Za-z_][\w.:-]*(?:\s+[\w:.-]+\s*=|\s*/?>))")
_XML_END = re.compile(r"(?:</[A-Za-z_][\w.:-]*\s*>|/>|-->)\s*$")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*:")
_MAIL_HEADERS = frozenset((
    "from", "to", "cc", "subject", "date", "received", "return-path", "delivered-to", "message-id", "mime-version",
    "content-type", "reply-to", "sender", "x-mailer",
))  # fmt: skip
_MBOX = re.compile(r"From \S+.*\d{4}\s*$")
_MARKDOWN_SIGNS = re.compile(
    r"^(?:#{1,6}\s+\S|```|~~~|>\s+\S|[*+-]\s+\S|\d+\.\s+\S|\|.+\||(?:=|-){3,}\s*$)|\[[^\]\n]+\]\([^)\s]+\)|\*\*[^*\n]+\*\*",
    re.MULTILINE,
)
_STRONG_MARKDOWN = re.compile(r"^(?:#{1,6}\s+\S|```|\|\s*:?-+)|\[[^\]\n]+\]\([^)\s]+\)", re.MULTILINE)


def kind_of(text: str, source: Source) -> str:
    """The media type of a text. Whole-document formats show themselves; the rest follows the claim, then its looks."""
    head = text[:_HEAD]
    claimed = _claim(source)
    return _whole(text, head, claimed) or _claimed_kind(claimed, text) or _by_looks(text, head)


def _claim(source: Source) -> str | None:
    given = (source.media_type or "").split(";")[0].strip().lower()
    if given in _CLAIMS and given != PLAIN:
        return _CLAIMS[given]
    name = source.filename.rsplit("/", 1)[-1].lower()
    if source.extension in _CODE_EXTENSIONS or name in {"dockerfile", "makefile"}:
        return SOURCE_CODE
    if source.extension in _BY_EXTENSION:
        return _BY_EXTENSION[source.extension]
    return _CLAIMS.get(given)


def _whole(text: str, head: str, claimed: str | None) -> str | None:
    if _is_mail(head):
        return MBOX if _MBOX.match(head.lstrip("\n").split("\n", 1)[0]) else MAIL
    start = _after_comments(head)
    if _HTML_START.match(start) or (claimed == HTML and _HTML_TAGS.search(text)):
        return HTML
    if claimed == SOURCE_CODE:
        return None
    if _XML_START.match(start) and _XML_END.search(text[-2000:]):
        return _markup(start, head, claimed)
    return _json_kind(text, claimed) if start[:1] in {"{", "["} else None


def _after_comments(head: str) -> str:
    """The sample from where markup proper begins. A loop: a pattern for this takes forever on a page of comments."""
    start = head.lstrip()
    while start.startswith("<!--") and (end := start.find("-->")) > 0:
        start = start[end + 3 :].lstrip()
    return start


def _markup(start: str, head: str, claimed: str | None) -> str | None:
    if _HTML_ROOT.search(start[:2000]):
        return HTML
    if start.startswith("<?xml"):
        return XML
    if claimed in {MARKDOWN, PLAIN}:
        return None
    return HTML if claimed == HTML or len(_HTML_TAGS.findall(head)) > 3 else XML


def _json_kind(text: str, claimed: str | None) -> str | None:
    lines = [line for line in text[:_HEAD].split("\n") if line.strip()]
    if len(lines) > 1 and len(text) > _HEAD:
        lines = lines[:-1]  # the sample may have cut it
    if len(lines) > 1 and all(_is_record(line) for line in lines[:20]):
        return JSONL
    try:
        json.loads(text)
    except RecursionError:
        # JSON as far as one could follow, and its parser names the nesting; or a text that likes brackets.
        return None if claimed in {MARKDOWN, PLAIN} else JSON
    except ValueError:
        return None
    return JSON


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_mail(head: str) -> bool:
    lines = head.lstrip("\n").split("\n")
    if lines and (_MBOX.match(lines[0]) or lines[0].startswith(">From ")):
        lines = lines[1:]
    known = 0
    for line in lines[:60]:
        if not line.strip():
            break
        if line[0] in " \t" and known:
            continue
        match = _HEADER.match(line)
        if not match:
            return False
        known += line[: match.end() - 1].lower() in _MAIL_HEADERS
    return known >= 2


def _claimed_kind(claimed: str | None, text: str) -> str | None:
    match claimed:
        case "text/markdown" | "text/x-source":
            return claimed
        case "text/csv" | "text/tab-separated-values":
            return claimed
        case "application/x-ndjson" | "text/plain":
            return PLAIN
        case "message/rfc822" if _HEADER.match(text.lstrip()):
            return MAIL
        case _:
            return None


def _by_looks(text: str, head: str) -> str:
    if text.startswith("#!"):
        return SOURCE_CODE
    if _STRONG_MARKDOWN.search(head) and len(_MARKDOWN_SIGNS.findall(head)) >= 2:
        return MARKDOWN
    if sniff(head, width_min=3):  # prose has lines with one comma each, seldom with two in every one
        return TSV if sniff(head) == "\t" else CSV
    return PLAIN
