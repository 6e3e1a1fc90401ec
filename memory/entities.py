"""Names in a text, by rules: capitalised runs, addresses, identifiers, titles in quotes, the speakers; and who is called what.

Conservative: a word that is capitalised only because a sentence begins is no name, and an alias counts only when the text
introduces it or when one known full name alone begins with it. No list of names, no model.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from memory.prose import plain, sentences

ENTITIES_PER_TEXT_MAX = 128
TEXT_CHARACTERS_MAX = 100_000

_WORD = r"[^\W\d_a-z][\w'&-]*"
_RUN = re.compile(rf"(?<![\w@/.#-])(?P<run>{_WORD}(?:(?:\s(?:of|de|van|von|der|da|del|of\sthe|&)\s|\s){_WORD}){{0,5}})")
_MARKED = re.compile(
    r"(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)"
    r"|(?P<id>\b[A-Z][A-Z0-9]{1,9}-\d{1,9}\b|(?<!\w)#\d{2,9}\b)"
    r"|\"(?P<title>[A-Z][^\"\n]{1,60})\""
)
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


class EntityKind(StrEnum):
    """What gave the entity away."""

    SPEAKER = "speaker"
    NAME = "name"
    EMAIL = "email"
    IDENTIFIER = "identifier"
    TITLE = "title"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMention:
    """A name at `[start, end)` of a text."""

    name: str
    kind: EntityKind
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """What else an entity is called."""

    alias: str
    name: str


def find_entities(text: str, *, speakers: Iterable[str] = ()) -> tuple[EntityMention, ...]:
    """The names of a text in order, never overlapping. `speakers` are known names: they count wherever they stand."""
    read = plain(text[:TEXT_CHARACTERS_MAX])
    marked = list(_marked(read))
    introduced = (one.name for one in find_aliases(text))
    known = {name.casefold(): name for name in (*introduced, *speakers) if name}
    inner = _inner_words(read)
    found = [*marked]
    for mention in _runs(read, known, inner):
        if not any(mention.start < other.end and other.start < mention.end for other in marked):
            found.append(mention)
        if len(found) >= ENTITIES_PER_TEXT_MAX:
            break
    return tuple(sorted(found, key=lambda mention: mention.start))


def find_aliases(text: str, *, speaker: str | None = None) -> tuple[Alias, ...]:
    """Aliases that the text introduces; "call me Mel" is the speaker's."""
    read = plain(text[:TEXT_CHARACTERS_MAX])
    found = [Alias(alias=match["alias"], name=match["name"]) for rule in _INTRODUCED for match in rule.finditer(read)]
    if speaker:
        found += [Alias(alias=match["alias"], name=speaker) for match in _OWN_ALIAS.finditer(read)]
    return tuple(one for one in found if one.alias.casefold() not in _COMMON and one.name.split()[0].casefold() not in _COMMON)


def canonical(name: str, aliases: Mapping[str, str]) -> str:
    """The entity's name behind any of its names. `aliases` maps casefolded names and aliases to it; a first name alone counts
    when one entity only begins with it.
    """
    key = name.casefold()
    if key in aliases:
        return aliases[key]
    if " " in key:
        return name
    begun = {full for full in aliases.values() if full.casefold().split()[0] == key}
    return begun.pop() if len(begun) == 1 else name


def _marked(text: str) -> Iterator[EntityMention]:
    kinds = {"email": EntityKind.EMAIL, "id": EntityKind.IDENTIFIER, "title": EntityKind.TITLE}
    for match in _MARKED.finditer(text):
        group = match.lastgroup
        assert group is not None
        if group == "title" and not _titled(match[group]):
            continue
        yield EntityMention(name=match[group], kind=kinds[group], start=match.start(group), end=match.end(group))


def _titled(quoted: str) -> bool:
    """A title has most of its words capitalised and no end of a sentence; what somebody said has not."""
    words = quoted.split()
    high = sum(word[0].isupper() for word in words)
    return len(words) <= 6 and high * 3 >= len(words) * 2 and quoted[-1] not in ".!?,"


def _inner_words(text: str) -> frozenset[str]:
    """Words that are capitalised somewhere inside of a sentence."""
    begun = {start for start, _ in sentences(text)}
    return frozenset(
        word
        for match in _RUN.finditer(text)
        if match.start() not in begun and text[max(0, match.start() - 1)] != '"'
        for word in match["run"].split()
    )


def _runs(text: str, known: Mapping[str, str], inner: frozenset[str]) -> Iterator[EntityMention]:
    begun = {start for start, _ in sentences(text)}
    for match in _RUN.finditer(text):
        start, words = match.start(), match["run"].split(" ")
        while words and words[0].removesuffix("'s").casefold() in _COMMON:
            start += len(words[0]) + 1
            words = words[1:]
        while words and (words[-1].casefold() in _COMMON or words[-1].islower()):
            words = words[:-1]
        name = " ".join(words).rstrip("'-").removesuffix("'s")
        if len(name) < 2:
            continue
        if start in begun and name.casefold() not in known and len(words) == 1 and words[0].removesuffix("'s") not in inner:
            continue  # only the beginning of a sentence made it tall
        kind = EntityKind.SPEAKER if name.casefold() in known else EntityKind.NAME
        yield EntityMention(name=known.get(name.casefold(), name), kind=kind, start=start, end=start + len(name))
