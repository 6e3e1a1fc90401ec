"""What of a message is its sender's own words: without code, quotations, pasted mails and transcripts, text in tags, chat
templates, and what a context has served. Which of the sentences that are left assert something: assertion.py."""

import re

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|^(?: {4}|>).*$", re.DOTALL | re.MULTILINE)
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


def own_words(text: str) -> str:
    """The plain text with all else blanked out, every character in its place."""
    for unread in (_SERVED, _CODE, _TEMPLATE, _MAIL, _ANNOUNCED, _TAGGED):
        text = unread.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return _SMALL_I.sub("I", text)
