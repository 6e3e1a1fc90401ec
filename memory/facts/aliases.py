"""Who is called what: aliases that a text introduces, by rules. Conservative: a word that is capitalised only because a
sentence begins is no name. No list of names, no model."""

import re
from dataclasses import dataclass

from memory.language.prose import plain

TEXT_CHARACTERS_MAX = 100_000

_WORD = r"[^\W\d_a-z][\w'&-]*"
_INTRODUCED = (
    re.compile(rf"\b(?P<name>{_WORD}(?:\s{_WORD}){{0,3}})\s?\((?:aka\s|a\.k\.a\.\s|or\s)?\"?(?P<alias>{_WORD})\"?\)"),
    re.compile(
        rf"\b(?P<name>{_WORD}(?:\s{_WORD}){{0,3}}),?\s(?:also\sknown\sas|known\sas|aka|a\.k\.a\.|nicknamed|or\s\"|goes\sby)\s?"
        rf"\"?(?P<alias>{_WORD})"
    ),
    re.compile(rf"\b(?P<alias>{_WORD}),?\s(?:is\s)?short\sfor\s(?P<name>{_WORD}(?:\s{_WORD}){{0,3}})"),
)
_OWN_ALIAS = re.compile(
    rf"\b(?:call\sme|I\sgo\sby|[Mm]y\sfriends\scall\sme|[Mm]y\snickname\sis)\s\"?(?P<alias>{_WORD})\"?(?!\s(?:when|if|back|at|on|later|tomorrow))"
)
# Words that sentences and greetings begin with, and calendar words: capitalised, and no names.
_COMMON_WORDS = (
    "a about after again ah all also although always am an and another any anyway are as at aw awesome awww back be because "
    "been before being both but by bye can cheers come congrats congratulations cool could did do does don't done each either "
    "enjoy even every everyone everything exactly excellent fantastic feel few finally first for from fun get glad go good "
    "goodbye got great guess had haha happy has have having he hello help her here hey hi his hope how however i i'd i'll i'm "
    "i've if in indeed instead into is it it'll it's its just keep know last lately let let's like look looking lol long love "
    "lovely make many maybe me meanwhile more morning most mr mrs ms much my nah need never nice night no nope not nothing now "
    "of off oh ok okay on once one only or other our out over perhaps please plus pretty probably really right same say second "
    "see seriously she should since so some someone something sometimes soon sorry still such sure take talk thank thanks that "
    "that's the their them then there there's these they they're thing things think this those though three time to today "
    "tomorrow tonight too totally true trust try two unfortunately up us use usually very wait was way we we'll we're we've "
    "well were what what's when where which while who why will wish with without woah wonderful would wow yeah yep yes "
    "yesterday yet yo you you'd you'll you're you've your actually agreed correction decided done update note dear sounds "
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september "
    "october november december mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec am pm ai dr prof"
)
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """What else an entity is called."""

    alias: str
    name: str


def find_aliases(text: str, *, speaker: str | None = None) -> tuple[Alias, ...]:
    """Aliases that the text introduces; "call me Mel" is the speaker's."""
    read = plain(text[:TEXT_CHARACTERS_MAX])
    found = [Alias(alias=match["alias"], name=match["name"]) for rule in _INTRODUCED for match in rule.finditer(read)]
    if speaker:
        found += [Alias(alias=match["alias"], name=speaker) for match in _OWN_ALIAS.finditer(read)]
    return tuple(one for one in found if one.alias.casefold() not in _COMMON and one.name.split()[0].casefold() not in _COMMON)
