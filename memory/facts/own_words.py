"""What of a message is its sender's own words: without code, quotations, pasted mails and transcripts, text in tags, chat
templates, and what a context has served. Which of the sentences that are left assert something: assertion.py."""

import re

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|^(?: {4}|>)[^\n]*", re.DOTALL | re.MULTILINE)
# What the context call served stands in a fence (retrieval/fencing.py): repeated in a message, it is nobody's word.
_SERVED = re.compile(r"<<<data (?P<fence>\d{15})\n.*?(?:(?P=fence) data>>>|\Z)", re.DOTALL)
_TEMPLATE = re.compile(r"<\|[\w ]{1,40}\|>.*\Z|\[INST\].*\Z|<<SYS>>.*\Z|<start_of_turn>.*\Z", re.DOTALL)
_MAIL = re.compile(
    r"^(?:From|Sent|Subject): [^\n]*\n(?:(?:From|To|Cc|Sent|Date|Subject): [^\n]*\n)+.*\Z", re.DOTALL | re.MULTILINE
)
# What a line with a colon announces, until the next empty line.
_ANNOUNCED = re.compile(
    r"^(?=[^\n]{0,160}\b(?:wrote|writes|said|says|replied|posted|tweeted|texted|e-?mailed|told|transcript|draft|e-?mail"
    r"|letter|message|quote|quotation|lyrics|poem|story|article|review|excerpt|dialogue|conversation|chat log|script|prompt"
    r"|paragraph)\b)[^\n]*:[ ]*\n(?:[ ]*\n)?(?:[^\n]*\S[^\n]*(?:\n|\Z))+",
    re.IGNORECASE | re.MULTILINE,
)
_EMPHASIS = r"(?:b|i|em|strong|u|s|p|br|span|div|li|ul|ol|h[1-6]|a)"
_TAGGED = re.compile(
    rf"<(?!/?{_EMPHASIS}\b)(?P<tag>[a-zA-Z][\w-]{{0,40}})\b[^<>]*>.*?(?:</(?P=tag)>|\Z)", re.DOTALL | re.IGNORECASE
)
# As people type: "i love sushi". Not "i.e.", nor a counter in a formula.
_SMALL_I = re.compile(r"(?<![\w.'/=-])i(?=[ '][a-z])")
# And who types no capitals at all: names stand where names must ("i live in berlin"), unless it is one of these words.
_NAMED = re.compile(
    r"\b(?:(?:live|lives|living|based|reside|grew up) in|(?:moved|relocated) to|(?:work|working|employed) (?:at|for|by)"
    r"|(?:i'm|i am) (?:originally )?from|name(?: is|'s)|married to|(?:named|called)) (?P<name>[^\W\d_]{3,}(?: [^\W\d_]{2,})?)"
)
_HALF_WORDS = "new san los las saint hong tel rio sao são buenos cape kuala south north east west costa sri puerto abu"
_FIRST_HALVES = frozenset(_HALF_WORDS.split())
_NO_NAME_WORDS = (
    "the and but for you your our his her their its this that these those them fear hope peace sin style harmony "
    "luxury poverty pain denial free home night nights school work town bed times once first last least all now here "
    "there what where who how someone something nothing nobody everyone another other both each every any some "
    "different good bad better best new old big small little great not never also just only very still about with "
    "without from into over under after before"
)
_NO_NAMES = frozenset(_NO_NAME_WORDS.split())


def _capitalised(match: re.Match[str]) -> str:
    first, _, second = match["name"].partition(" ")
    if first in _NO_NAMES - _FIRST_HALVES or (first in _FIRST_HALVES and not second):
        return match[0]
    named = (
        f"{first.capitalize()} {second.capitalize()}" if first in _FIRST_HALVES else f"{first.capitalize()} {second}".rstrip()
    )
    return match[0][: match.start("name") - match.start()] + named


def own_words(text: str) -> str:
    """The plain text with all else blanked out, every character in its place."""
    for unread in (_SERVED, _CODE, _TEMPLATE, _MAIL, _ANNOUNCED, _TAGGED):
        text = unread.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    if text == text.lower():
        text = _NAMED.sub(_capitalised, text)
    return _SMALL_I.sub("I", text)
