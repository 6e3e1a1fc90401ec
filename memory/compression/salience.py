"""What makes a sentence one that a summary should keep: corrections, decisions, dates and the like, told by their words. Cues
are English; numbers, identifiers and names are told in any language with capitals. Weights are selection.py's."""

import re
from collections.abc import Mapping
from enum import StrEnum

from memory.language.prose import plain


class Mark(StrEnum):
    """A reason to keep a sentence."""

    CORRECTION = "correction"
    NEGATION = "negation"
    DECISION = "decision"
    COMMITMENT = "commitment"
    PREFERENCE = "preference"
    INSTRUCTION = "instruction"
    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    IDENTIFIER = "identifier"
    QUESTION = "question"  # asks something
    OPEN = "open"  # asks something that nobody answered
    ANSWER = "answer"  # follows a question of somebody else
    PERSONAL = "personal"  # tells of the speaker


# What must not be lost before everything else: without it a summary says something else than the conversation did.
MUST_KEEP = frozenset(
    {Mark.CORRECTION, Mark.NEGATION, Mark.INSTRUCTION, Mark.DECISION, Mark.OPEN, Mark.NUMBER, Mark.DATE, Mark.IDENTIFIER}
)

_MONTHS = (
    "january|february|march|april|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|may(?= \\d)|(?<=in )may"
)
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_WORD_NUMBERS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|"
    "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen|twice|once|half|first|second|third|"
    "fourth|fifth"
)

_CUES: Mapping[Mark, str] = {
    Mark.CORRECTION: (
        r"\b(?:actually|correction|scratch that|i (?:misspoke|was wrong|meant)|i mean|not .{1,40}\bbut\b|instead of|"
        r"rather than|no longer|not any ?more|used to|changed my mind|turns out|in fact|sorry,? (?:it|that|i meant))\b"
    ),
    Mark.NEGATION: (
        r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|[a-z]+n't|stopped|quit|refuse[ds]?|cancell?ed|avoid)\b"
    ),
    Mark.DECISION: (
        r"\b(?:decided|decision|settled on|chose|chosen|picked|agreed|we(?:'ll| will) go with|go(?:ing)? with|"
        r"made up my mind|"
        r"concluded|approved|opted|final(?:ly|ized|ised)?)\b"
    ),
    Mark.COMMITMENT: (
        r"\b(?:i(?:'ll| will| promise|'m going to| am going to|'m planning| plan| intend)|"
        r"we(?:'ll| will|'re going to| plan| are going to)|"
        r"let me|let's|signed up|booked|scheduled|deadline|due|by (?:then|tomorrow|tonight|next|the end))\b"
    ),
    Mark.PREFERENCE: (
        r"\b(?:prefer|favou?rite|love[ds]?|like[ds]?|enjoy(?:ed|s)?|hate[ds]?|dislike[ds]?|can't stand|allergic|into|fan of|"
        r"passion(?:ate)?|dream|wish|want(?:ed|s)?|hope|interested in|best|worst)\b"
    ),
    Mark.INSTRUCTION: (
        r"(?:^(?:please|always|never|remember|make sure|don't|do not|use|keep|avoid|note|call me)\b|"
        r"\b(?:from now on|make sure|please "
        r"(?:don't|use|keep|make|remember|always|never)|you (?:must|should|need to|have to)|must(?: not)?|required to)\b)"
    ),
    Mark.NUMBER: rf"(?:\d|\b(?:{_WORD_NUMBERS})\b)",
    Mark.DATE: (
        rf"\b(?:(?:{_MONTHS})\b\.?(?: \d{{1,2}}| \d{{4}})?|{_DAYS}|yesterday|today|tonight|tomorrow|"
        r"\d{4}-\d\d(?:-\d\d)?|(?:19|20)\d\d|"
        r"\d{1,2}[./]\d{1,2}[./]\d{2,4}|"
        r"(?:last|next|this|past|previous|coming) "
        r"(?:week(?:end)?|month|year|night|summer|winter|spring|fall|autumn|time|few \w+)|"
        r"(?:\w+ )?(?:days?|weeks?|months?|years?|hours?|weekends?) ago|since|recently|lately|"
        r"\d{1,2}(?::\d\d)? ?[ap]\.?m\b)"
    ),
    Mark.IDENTIFIER: (
        r"(?:https?://\S+|\b[\w.+-]+@[\w-]+\.\w+|\b[a-z]+[-_]\d+\b|\b\w+_\w+\b|\bv?\d+\.\d+(?:\.\d+)+|#\d+|\B/(?:\w+/)+\w*|"
        r"\b[a-z]*\d+[a-z]+\d*\b|`[^`]+`)"
    ),
    Mark.PERSONAL: r"\b(?:i|i'm|i've|i'd|i'll|my|mine|me|we|we're|we've|our|us)\b",
}
_PATTERNS = {mark: re.compile(cue, re.IGNORECASE) for mark, cue in _CUES.items()}
# A capital inside a sentence; the pronoun and its short forms are no name.
_NAME = re.compile(r"(?<=[a-z,;:('\"] )(?!I\b|I'|OK\b)[A-Z][\w'-]+|\b[A-Z]{2,}[a-z]*\b|\b[A-Z][\w'-]+ [A-Z][\w'-]+")


def marks(sentence: str) -> frozenset[Mark]:
    """Those that can be told from the sentence alone: not whether a question was answered, nor whether this answers one."""
    text = plain(sentence)
    found = {mark for mark, pattern in _PATTERNS.items() if pattern.search(text)}
    if _NAME.search(text):
        found.add(Mark.NAME)
    if text.rstrip("\"')]*_ ").endswith(("?", "\uff1f")):
        found.add(Mark.QUESTION)
    return frozenset(found)
