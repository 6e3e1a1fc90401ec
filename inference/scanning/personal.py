"""Personal data by shape and check digits. Names and places are not looked for: memory is about people, and a list of names
would mark all of it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from inference.port import Finding, Label
from inference.scanning.linear import Pattern

_DIGIT = re.compile(r"\d")
_NOT_DIGIT = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class _Rule:
    """Rules are asked in order: what one has taken is no other's. `needs` is a word without which there is nothing to find."""

    kind: str
    needs: str
    pattern: Pattern
    check: Callable[[str], bool]


def find(text: str, lowered: str) -> Iterator[Finding]:
    """`lowered` is the text in lower case."""
    taken: list[tuple[int, int]] = []
    numbers = _DIGIT.search(text) is not None
    for rule in _RULES:
        if not (rule.needs in lowered and (numbers or rule.needs)):
            continue
        for span in rule.pattern.spans(text):
            if rule.check(span.text) and not any(start < span.end and span.start < end for start, end in taken):
                taken.append((span.start, span.end))
                yield Finding(label=Label.PII, kind=rule.kind, start=span.start, end=span.end)


def _any(value: str) -> bool:
    del value
    return True


def _card(value: str) -> bool:
    digits = _NOT_DIGIT.sub("", value)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 2 and _luhn(digits)


def _iban(value: str) -> bool:
    """ISO 13616: the number with its first four characters behind the rest, letters as 10 to 35, leaves 1 over 97."""
    plain = value.replace(" ", "").upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def _ssn(value: str) -> bool:
    """No area 000, 666 or above 899, no group 00, no serial 0000: those are never given."""
    area, group, serial = re.split("[- ]", value)
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def _luhn(digits: str) -> bool:
    """Every second digit from the right doubled, its own digits added; the sum ends in 0."""
    odd, even = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(one), 10)) for one in even)) % 10 == 0


def _public_ip(value: str) -> bool:
    """Of somebody's, not of everybody's: no private, local or reserved address, and no version number."""
    try:
        return ip_address(value).is_global and not value.startswith(("1.1.1.1", "8.8.", "1.0.0.", "2.0.0.", "3.0.0."))
    except ValueError:
        return False


def _phone(value: str) -> bool:
    """Seven to fifteen digits that are no date, no time, no amount and no range."""
    digits = _NOT_DIGIT.sub("", re.sub(r"\s?(?:x|ext\.?)\s?\d+$", "", value))
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3:
        return False
    return not _CALENDAR.search(value) and not _DECIMAL.match(value) and not _YEARS.match(value)


_CALENDAR = re.compile(r"(?:^|\D)(?:(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d)(?:$|\D)")
_DECIMAL = re.compile(r"^\d{1,3}(?:[ .]000)+$|^\d+\.\d+$")
_YEARS = re.compile(r"^(?:19|20)\d\d\s?[-\u2013/ ]\s?(?:(?:19|20)\d\d|\d{1,2})\b")


def _rule(kind: str, needs: str, expression: str, check: Callable[[str], bool] = _any, *, ignore_case: bool = False) -> _Rule:
    return _Rule(kind, needs, Pattern(expression, ignore_case=ignore_case), check)


_BEFORE = r"(?:^|[^\w.,:/$€£+-])"
_AFTER = r"(?:[^\w:/%-]|[-:](?:\D|$)|$)"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"

_RULES = (
    _rule("email", "@", r"[A-Za-z0-9][\w.+%'-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}\b"),
    _rule("iban", "", r"\b(?P<value>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?)\b", _iban, ignore_case=True),
    _rule(
        "credit_card",
        "",
        r"(?:^|[^\w.-])(?P<value>\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,7}|\d{4}[ -]?\d{6}[ -]?\d{4,5}|\d{13,19})(?:[^\w]|$)",
        _card,
    ),
    _rule("us_ssn", "", r"(?:^|[^\w.-])(?P<value>\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4})(?:[^\w-]|-\D|$)", _ssn),
    _rule(
        "us_ssn",
        "s",
        r"\b(?:ssn|social security(?:\s+(?:number|no\.?|#))?)\s*(?:is|:|=|#)?\s*(?P<value>\d{3}[- ]?\d{2}[- ]?\d{4})\b",
        ignore_case=True,
    ),
    _rule("uk_nino", "", r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"),
    _rule("ip_address", "", r"(?:^|[^\w.])(?P<value>\d{1,3}(?:\.\d{1,3}){3})(?:[^\w.]|\.(?:\W|$)|$)", _public_ip),
    _rule(
        "ip_address",
        ":",
        r"(?:^|[^\w:])(?P<value>[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,6}:[0-9a-f]{1,4})(?:[^\w:]|$)",
        _public_ip,
        ignore_case=True,
    ),
    _rule(
        "id_document",
        "",
        r"\b(?:passport|driver'?s?(?:'s)? licen[cs]e|driving licen[cs]e|identity card|national id"
        r"|id card|tax id|tin|medicare|nhs|itin)"
        r"(?:\s+(?:number|no\.?|#|num))?\s*(?:is|:|=|#)?\s*(?P<value>[A-Z]{0,3}-?\d[\dA-Z -]{5,16}\d[A-Z]?)\b",
        ignore_case=True,
    ),
    _rule(
        "bank_account",
        "",
        r"\b(?:account|acct|routing|sort code|bsb)(?:\s+(?:number|no\.?|#|num|code))?\s*(?:is"
        r"|:|=|#)?\s*(?P<value>\d[\d -]{5,18}\d)\b",
        ignore_case=True,
    ),
    _rule(
        "birth_date",
        "",
        rf"\b(?:born (?:on|in)|date of birth|birth ?date|dob|d\.o\.b\.?|birthday)(?:\s+(?:is"
        rf"|was)|\s*[:=])?\s*(?:on\s+)?(?:the\s+)?"
        rf"(?P<value>\d{{1,4}}[-./]\d{{1,2}}[-./]\d{{1,4}}|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd"
        rf"|th)?,? \d{{4}}|\d{{1,2}}(?:st|nd|rd|th)?"
        rf"(?: of)? {_MONTH},? \d{{4}})\b",
        ignore_case=True,
    ),
    _rule(
        "phone",
        "",
        rf"{_BEFORE}(?P<value>(?:\+|00)\d{{1,3}}[ .-]?(?:\(0\)[ .-]?)?\(?\d{{1,4}}\)?(?:[ .-]?\d{{2,5}}){{1,5}}"
        rf"(?:\s?(?:x|ext\.?)\s?\d{{1,6}})?){_AFTER}",
        _phone,
    ),
    _rule(
        "phone",
        "(",
        rf"{_BEFORE}(?P<value>\(\d{{2,5}}\)[ .-]?\d{{2,5}}(?:[ .-]?\d{{2,5}}){{0,4}}(?:\s?(?:x|ext\.?)\s?\d{{1,6}})?){_AFTER}",
        _phone,
    ),
    _rule(
        "phone",
        "",
        rf"{_BEFORE}(?P<value>\d{{2,4}}[ .-]\d{{2,4}}[ .-]\d{{2,4}}(?:[ .-]\d{{2,4}}){{0,2}}"
        rf"(?:\s?(?:x|ext\.?)\s?\d{{1,6}})?){_AFTER}",
        _phone,
    ),
    _rule("phone", "x", rf"{_BEFORE}(?P<value>\d{{7,11}}\s?x\d{{2,6}}){_AFTER}", _phone),
    _rule(
        "phone",
        "",
        r"\b(?:call|phone|ring|text|reach|tel|telephone|mobile|cell|cellphone|fax|whatsapp)"
        r"(?:\s+(?:number|no\.?|me|us|him|her|them))?"
        r"(?:\s+(?:is|at|on|to))?\s*[:#=]?\s*(?P<value>\+?\(?\d[\d ().-]{5,17}\d)\b",
        _phone,
        ignore_case=True,
    ),
    _rule(
        "address",
        "",
        r"\b(?P<value>\d{1,5}[a-z]?,? (?:[NSEW]\.? )?(?:[A-Z][\w'.-]{1,20} ){1,3}(?:Street"
        r"|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd"
        r"|Court|Ct|Square|Place|Pl|Terrace|Close|Crescent|Highway|Parkway|Way))(?:\W|$)",
    ),
)
