"""What a rule of extraction is: a pattern over one sentence, and the fact that a match of it states. No rule stands here.

A rule would rather miss a fact than make one up: values are short, places and people are capitalised, and pronouns, episodes
and wishes are no values.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from memory.facts.statements import Cardinality, Kind

ME = ""  # the entity of a draft about the speaker

WORD = r"[^\W\d_a-z][\w'&-]*"
NAME = rf"(?:Dr\. )?{WORD}(?: {WORD}){{0,2}}"
PLACE = rf"(?:the )?{WORD}(?: (?:of (?:the )?|de |am |upon |la )?{WORD}){{0,3}}(?:, (?!I\b){WORD}(?: {WORD})?)?"
I_ = r"(?:I|[Ww]e)"
AM = r"(?:I'm|I am|[Ww]e're|[Ww]e are)"
HAVE = r"(?:I've|I have|[Ww]e've|[Ww]e have|I|[Ww]e)"
NOW = r"(?: now| currently| just| recently| also| still| actually| really| finally| already| absolutely| truly| always)*"
STOP = (
    r"(?=\s*(?:$|[.,;:!?()\"]|- | (?:and|but|because|since|so|when|which|who|that|though|although|while|as|for|now|anymore"
    r"|any more|any longer|these|lately|too|either|instead|at|with|in|on|after|before|until|if|then|or|from|right|again"
    r"|nowadays|to)\b))"
)
VALUE_CHARACTERS_MAX = 200
VALUE_WORDS_MAX = 7

# Where a thing that somebody likes ends: it may have "of", "with" and "and" inside, but no second clause.
CLAUSE = (
    r"(?=\s*(?:$|[.,;:!?()\"]|- | (?:but|because|since|so|when|which|who|that|though|although|while|as|cause|now|anymore"
    r"|any more|any longer|these days|lately|too|either|instead|until|if|then|right now|again|whenever|for now|at the moment)\b"
    r"| (?:and|or) (?:I|we|it|they|he|she|my|our|also|then|just|always|never|have|am|is|was|hate|love|like|don't|can't)\b))"
)
_NO_VALUE = re.compile(
    r"^(?:it|that|this|these|those|them|him|her|you|your|me|us|what|how|when|where|who|why|the|my|our|his|their|one|some|any"
    r"|nothing|nobody|none|neither|never"
    r"|now|still|currently|all|every|everything|something|anything|both|much|more|most|so|such|a lot|lots|if|not|there|here"
    r"|people|another|other|no|is|are|was|were|makes?|made|has|had|to just|seeing|hearing|knowing|being|having|doing|getting"
    r"|spending|the idea)\b"
    r"|^(?:to )?(?:see|hear|know|think|say|be|have|do|get|make|spend|talk|help)(?:ing)?(?:\b.*)?$|^to$"
    r"|\b(?:them|this|these|those|it|you|your|here|there|him|her|me)\b",
    re.IGNORECASE,
)
_NO_NAME_WORDS = (
    "i he she it we they you this that these those there here my your his her our their what who when where why how if"
    " so and but "
    "also then now everyone someone nobody nothing everything today tomorrow yesterday i'm i've it's he's she's that's "
    "monday tuesday wednesday thursday friday saturday sunday yes no ok free well hi hey oh wow"
)
NO_NAMES = frozenset(_NO_NAME_WORDS.split())
_ONE_KIN = re.compile(
    r"wife|husband|partner|spouse|girlfriend|boyfriend|fianc[eé]e?|mother|mom|mum|father|dad|boss|manager|supervisor"
    r"|team lead|C[A-Z]O|president|chair(?:man|woman|person)?|head|captain|mayor|principal"
)
# What one moves to and does not live in: words of organisations and of time, names written like software, and software that
# is named like a town or a person. Not all there is; a name with a number behind it ("Python 3") is caught by itself.
_NO_PLACE = re.compile(
    r"\b(?:Team|Group|Department|Division|Squad|Marketing|Sales|Engineering|Finance|Accounting|Legal|Product|Support|Design"
    r"|Operations|Research|Management|Plan|Phase|Version|Tier|Level|Step|Chapter|Section|Option|Future|Past|Premium|Basic|Enterprise"
    r"|(?:Twen|Thir|For|Fif|Six|Seven|Eigh|Nine)ties)\b|[a-z][A-Z]|\w\.(?:js|io|ai|com|net|org)\b"
)
_TOOL_WORDS = (
    "kubernetes docker postgres postgresql mysql sqlite oracle redis mongo kafka cassandra elasticsearch snowflake databricks "
    "terraform ansible python java javascript typescript rust golang go ruby php swift kotlin scala react angular vue svelte "
    "django flask rails spring linux ubuntu debian fedora windows mac macos ios android chrome firefox safari edge slack teams "
    "zoom notion jira linear trello asana confluence github gitlab bitbucket excel outlook gmail signal whatsapp telegram "
    "discord vim emacs obsidian evernote figma sketch aws azure gcp google amazon microsoft netflix spotify stripe shopify "
    "salesforce hubspot zendesk openai claude chatgpt gemini gpt llama pytorch tensorflow "
    "jenkins circleci scrum kanban agile bitcoin"
)
_TOOLS = frozenset(_TOOL_WORDS.split())
_COUNTED = re.compile(r" v?\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A fact before it is known whose word it is: `{who}` in `text` stands for the entity, `[start, end)` is the match."""

    entity: str
    attribute: str
    value: str
    text: str
    kind: Kind
    cardinality: Cardinality
    polarity: bool
    start: int
    end: int


Build = Callable[[re.Match[str]], Draft | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and what a match of it states."""

    pattern: re.Pattern[str]
    build: Build


@dataclass(frozen=True, slots=True)
class Form:
    """How a fact of one sort is put: `{v}` is the value, `{a}` the attribute, `{who}` the entity."""

    attribute: str
    text: str
    kind: Kind = Kind.ATTRIBUTE
    cardinality: Cardinality = Cardinality.ONE
    polarity: bool = True


def rule(pattern: str, build: Build) -> Rule:
    """A rule whose pattern begins at a word."""
    return Rule(re.compile(rf"(?<![\w'])(?:{pattern})"), build)


def drafts(rules: Sequence[Rule], sentence: str) -> Iterator[Draft]:
    """What the rules find in one sentence, one draft a rule at most."""
    for one in rules:
        match = one.pattern.search(sentence)
        draft = one.build(match) if match else None
        if draft and 0 < len(draft.value) <= VALUE_CHARACTERS_MAX:
            yield draft


def about_me(form: Form) -> Build:
    """The group `v` is a value of the speaker: a name, a place, a number."""
    return lambda match: draft(match, ME, trimmed(match["v"]), form)


def thing_of_mine(form: Form) -> Build:
    """The group `v` is a thing in the speaker's own words, if it is one."""

    def build(match: re.Match[str]) -> Draft | None:
        value = trimmed(match["v"])
        return draft(match, ME, value, form) if is_thing(value) else None

    return build


def about_named(form: Form) -> Build:
    """The group `who` is a name, `v` what is said of it, a name too."""

    def build(match: re.Match[str]) -> Draft | None:
        who, value = trimmed(match["who"]).removesuffix("'s"), trimmed(match["v"])
        return draft(match, who, value, form) if is_name(who) and is_name(value) else None

    return build


def draft(match: re.Match[str], entity: str, value: str, form: Form) -> Draft:
    return Draft(
        entity=entity,
        attribute=form.attribute,
        value=value,
        text=form.text.replace("{v}", value).replace("{a}", form.attribute),
        kind=form.kind,
        cardinality=form.cardinality,
        polarity=form.polarity,
        start=match.start(),
        end=match.end(),
    )


def kinship(kin: str, *, text: str = "{who}'s {a} is {v}.") -> Form:
    """Of some there is one at a time: a wife, a boss."""
    return Form(kin, text, Kind.RELATION, Cardinality.ONE if _ONE_KIN.fullmatch(kin) else Cardinality.MANY)


def trimmed(value: str) -> str:
    return value.strip(" .,;:-'\"")


def is_thing(value: str) -> bool:
    return bool(value) and not _NO_VALUE.search(value) and len(value.split()) <= VALUE_WORDS_MAX


def is_name(value: str) -> bool:
    return bool(value) and value.partition(" ")[0].casefold() not in NO_NAMES


def is_place(value: str) -> bool:
    """Whether somebody may live there: people also move to another tool, team or plan, and grow up in the Nineties."""
    words = value.removeprefix("the ").split()
    return bool(words) and not _NO_PLACE.search(value) and words[0].casefold() not in NO_NAMES | _TOOLS


def lives_in(form: Form) -> Build:
    """The group `v` is a place of the speaker."""

    def build(match: re.Match[str]) -> Draft | None:
        value = trimmed(match["v"])
        return draft(match, ME, value, form) if is_place(value) and not _COUNTED.match(match.string, match.end()) else None

    return build


def lives_there(form: Form) -> Build:
    """The group `who` is a name, `v` the place of whom it names."""

    def build(match: re.Match[str]) -> Draft | None:
        if not is_place(trimmed(match["v"])) or _COUNTED.match(match.string, match.end()):
            return None
        return about_named(form)(match)

    return build
