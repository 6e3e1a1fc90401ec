"""The coded ways in which a file fails to become text. Messages carry names, sizes and limits, never text of the document."""

from core.errors import Corrupt, Fault, Invalid, TimedOut, TooLarge, Unavailable

_READ = "PDF, DOCX, PPTX, XLSX, XLS, ODS, HTML, Markdown, plain text, source code, CSV, JSON, JSONL, XML, EML and MBOX are read"


def encrypted(what: str) -> Fault:
    return Invalid("indexing.encrypted", f"{what} is encrypted and needs a password; remove the protection and send it again")


def corrupt(what: str, flaw: str) -> Fault:
    return Corrupt(
        "indexing.corrupt_document", f"{what} cannot be read: {flaw}; open it in its own program, save it anew and send that"
    )


def empty() -> Fault:
    return Invalid("indexing.empty_document", "the document holds no bytes or only white space; send one with content")


def no_text(what: str) -> Fault:
    return Invalid(
        "indexing.no_text",
        f"{what} holds no text that can be read, such as a scan; run text recognition (OCR) over it and send the result",
    )


def unsupported(media_type: str) -> Fault:
    return Invalid(
        "indexing.unsupported_type", f"the content is {media_type}, which is not read here; {_READ}: convert it to one"
    )


def too_large(what: str, *, value: object, limit: object) -> Fault:
    return TooLarge(
        "indexing.document_too_large", f"{what}: {value}, the limit is {limit}; split the document into smaller ones"
    )


def timed_out(what: str, *, limit_s: float) -> Fault:
    return TimedOut(
        "indexing.parse_timeout", f"reading the document took more than {limit_s:g} s of {what}; split or simplify the document"
    )


def out_of_memory(limit_bytes: int) -> Fault:
    return TooLarge(
        "indexing.parse_memory",
        f"reading the document took more than {limit_bytes // 1024 // 1024} MiB of memory; split or simplify the document",
    )


def crashed(how: str) -> Fault:
    return Corrupt(
        "indexing.parser_crashed",
        f"the parser process died on the document ({how}); open it in its own program, save it anew and send that",
    )


def closed() -> Fault:
    return Unavailable(
        "indexing.parser_closed", "the service is shutting down and reads no more documents; send it again later"
    )
