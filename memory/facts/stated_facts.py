"""What people state of others and of things, and what they settle: relations between names, numbers, deadlines, decisions,
commitments, and what an assistant says that it has done.
"""

import re
from collections.abc import Sequence

from memory.facts.rules import (
    HAVE,
    ME,
    NAME,
    NO_NAMES,
    NOW,
    PLACE,
    Draft,
    Form,
    Rule,
    about_me,
    about_named,
    draft,
    is_name,
    is_thing,
    kinship,
    lives_there,
    rule,
    thing_of_mine,
    trimmed,
)
from memory.facts.statements import Cardinality, Kind

MANY = Cardinality.MANY
_NUMBER = (
    r"(?P<v>[$€£]?\d(?:[\d.,]*\d)?(?:\s?(?!(?:now|and|but|because|after|since|instead|per|as|from)\b)"
    r"(?:%|percent\b|[A-Za-z]{1,12}(?:/[a-z]{1,6})?\b))?)(?=\s*(?:$|[.,;!?)]| (?:now"
    r"|and|but|because|after|since|instead|per|as|from)\b))"
)
_IS = (
    r"(?:is|are|was (?:changed|raised|lowered|set|increased|reduced|cut) to|has been (?:changed|raised|lowered|set"
    r"|increased|reduced|cut) to|went (?:up|down) to|(?:rose|fell|dropped) to)(?: now| currently| still| about| around|"
    r" only| exactly)*"
)
_KIN = (
    r"(?:wife|husband|partner|brother|sister|son|daughter|mother|father|cousin|boss|manager|assistant|friend|doctor"
    r"|teacher|neighbou?r)"
)
_OFFICE = r"(?:C[A-Z]O|president|chair(?:man|woman|person)?|founder|head|director|captain|mayor|principal|team lead)"
_WHO = rf"(?P<who>{NAME})"
_NAMED = rf"(?P<v>{NAME})"
_ACT = r"(?P<v>(?!never\b|not\b)[a-z][^.;:!?\"]{2,90}?)"
_DONE = (
    "booked|scheduled|sent|created|updated|ordered|cancelled|canceled|deployed|set|added|removed|renamed|submitted|filed"
    "|merged|published|reserved|migrated|enabled|disabled|fixed|installed"
)


_NO_NOUN_WORDS = "the a an say says said which is are was were think thinks claim claims state states mean means"
_NO_NOUNS = frozenset(_NO_NOUN_WORDS.split())


def _numeric(match: re.Match[str]) -> Draft | None:
    """A named thing has a number: "the API response time is 250 ms", "my budget is $500"."""
    named, owner, of = trimmed(match["what"]), match["owner"].casefold(), match["of"]
    words = named.split()
    if len(words) > 5 or any(word.casefold() in NO_NAMES | _NO_NOUNS or word.endswith("ly") for word in words):
        return None
    value = re.sub(r"\s+", " ", match["v"])
    if owner in {"my", "our"}:
        return draft(match, ME, value, Form(named, "{who}'s {a} is {v}.", Kind.VALUE))
    if of:
        return draft(match, trimmed(of), value, Form(named, f"The {named} of {{who}} is {{v}}.", Kind.VALUE))
    if len(words) > 1 and words[0][0].isupper():
        return draft(match, words[0], value, Form(" ".join(words[1:]), "The {who} {a} is {v}.", Kind.VALUE))
    return draft(match, named, value, Form("value", "The {who} is {v}.", Kind.VALUE))


_NOW_IS = r"(?:is|(?:(?:has|was) )?(?:been )?(?:moved|changed|shifted) to)"
_AFTERTHOUGHT = re.compile(r" (?:instead|now|again|too|then|for now|this time|after all|from now on)$")


def _decision(match: re.Match[str]) -> Draft | None:
    """We decided on Postgres for the database: one choice a topic. Without a topic every decision stands by itself."""
    value = _AFTERTHOUGHT.sub("", trimmed(match["v"]))
    topic = (
        None
        if value.startswith(("to ", "not to "))
        else re.search(r"^(?P<what>.+?) (?:for|as) (?:the |our |my )?(?P<topic>[a-z][\w -]{2,40})$", value)
    )
    if not is_thing(re.sub(r"^(?:not )?to ", "", value)):
        return None
    if topic:
        form = Form(f"decision on {topic['topic']}", "{who} decided on {v} for " + topic["topic"] + ".", Kind.DECISION)
        return draft(match, ME, trimmed(topic["what"]), form)
    text = "{who} decided {v}." if value.startswith(("to ", "not to ", "that ")) else "{who} decided on {v}."
    return draft(match, ME, value, Form("decision", text, Kind.DECISION, MANY))


def _kinship(match: re.Match[str]) -> Draft | None:
    """Ann is Bo's sister, Ann is my manager, Ann is the CEO of Acme."""
    who, of = trimmed(match["who"]), match["of"].removesuffix("'s")
    mine = of.casefold() in {"my", "our"}
    if not is_name(who) or not (mine or is_name(of)):
        return None
    entity = ME if mine else of
    return draft(match, entity, who, kinship(match["kin"]))


RULES: Sequence[Rule] = (
    rule(
        rf"(?P<owner>[Tt]he|[Mm]y|[Oo]ur) (?P<what>[\w][\w -]{{1,50}}?)(?: (?:of|for) the (?P<of>[\w][\w -]{{1,30}}?))?"
        rf" {_IS} {_NUMBER}",
        _numeric,
    ),
    rule(rf"{_WHO}{NOW} lives in (?P<v>{PLACE})", lives_there(Form("home", "{who} lives in {v}.", Kind.RELATION))),
    rule(
        rf"{_WHO}{NOW} (?:has )?(?:moved|relocated) to (?P<v>{PLACE})",
        lives_there(Form("home", "{who} lives in {v}.", Kind.RELATION)),
    ),
    rule(
        rf"{_WHO}{NOW} (?:no longer|doesn't|does not) lives? in (?P<v>{PLACE})",
        about_named(Form("home", "{who} no longer lives in {v}.", Kind.RELATION, polarity=False)),
    ),
    rule(rf"{_WHO}{NOW} works{NOW} (?:at|for) {_NAMED}", about_named(Form("employer", "{who} works at {v}.", Kind.RELATION))),
    rule(
        rf"{_WHO} (?:has )?(?:no longer works|left|quit) (?:at |for )?{_NAMED}",
        about_named(Form("employer", "{who} no longer works at {v}.", Kind.RELATION, polarity=False)),
    ),
    rule(rf"{_WHO}{NOW} reports to {_NAMED}", about_named(Form("reports to", "{who} reports to {v}.", Kind.RELATION))),
    rule(
        rf"{_WHO} (?:is{NOW} married to|got married to|married) {_NAMED}",
        about_named(Form("spouse", "{who} is married to {v}.", Kind.RELATION)),
    ),
    rule(
        rf"{_WHO}{NOW} (?:owns|founded|manages|leads|maintains) {_NAMED}(?![\w'&-]| \d)",
        about_named(Form("runs", "{who} runs {v}.", Kind.RELATION, MANY)),
    ),
    rule(rf"{_WHO} is{NOW} (?P<of>{NAME}'s|my|our) (?:older |younger |new |best )?(?P<kin>{_KIN}|{_OFFICE})\b(?!'s)", _kinship),
    rule(rf"{_WHO} is{NOW} (?:the |an? )?(?:new )?(?P<kin>{_OFFICE}) of (?P<of>{NAME})", _kinship),
    rule(rf"{HAVE}{NOW} decided (?:on |to go with |to use )(?P<v>[\w][^.;:!?\"]{{1,80}}?)(?=[.,;!?]|$|\s?- )", _decision),
    rule(
        rf"{HAVE}{NOW} (?:decided|agreed) (?!to (?:go with|use)\b)"
        rf"(?P<v>(?:not )?to [^.;:!?\"]{{2,80}}?)(?=[.,;!?]|$|\s?- )",
        _decision,
    ),
    rule(
        r"(?:[Ll]et's go with|[Ww]e'll go with|[Ww]e're going with|I'll go with|I'm going with|[Ww]e agreed on|[Ww]e"
        r" settled on) (?P<v>[\w][^.;:!?\"]{1,80}?)(?=[.,;!?]|$|\s?- )",
        _decision,
    ),
)


def _event(match: re.Match[str]) -> Draft | None:
    what = trimmed(re.sub(r"^[Mm]y ", "", match["v"]))
    return draft(match, ME, what, Form("commitment", "{who} has {v}", Kind.COMMITMENT, MANY))


def _deadline(match: re.Match[str]) -> Draft | None:
    named = trimmed(match["v"])
    return draft(match, named, named, Form("deadline", "The deadline of {who} is ", Kind.VALUE)) if is_thing(named) else None


COMMITMENTS: Sequence[Rule] = (
    rule(
        rf"(?:I'll|I will|[Ww]e'll|[Ww]e will|I promise to|I promised to|I need to|I have to|I must|[Rr]emind me to)"
        rf" {_ACT}(?=[.,;!?]|$|\s?- )",
        thing_of_mine(Form("commitment", "{who} is going to {v}", Kind.COMMITMENT, MANY)),
    ),
    rule(
        rf"(?:I'm|I am|[Ww]e're|[Ww]e are) (?:going to|gonna) {_ACT}(?=[.,;!?]|$|\s?- )",
        thing_of_mine(Form("commitment", "{who} is going to {v}", Kind.COMMITMENT, MANY)),
    ),
    rule(
        rf"(?:I have|I've|I've got|I got) (?P<v>an? (?:[a-z']+ ){{0,3}}(?:appointment|meeting|interview|flight|exam|surgery"
        rf"|call|checkup|check-up)(?: with {NAME})?)(?=[.,;!?]|$| (?:on|at)\b)",
        _event,
    ),
    rule(
        rf"(?P<v>[Mm]y (?:[a-z]+ )?(?:appointment|meeting|interview|flight|exam|surgery|wedding|graduation)(?: with"
        rf" {NAME})?) is{NOW}(?: (?:on|at|scheduled for|booked for))?(?=[ ,])",
        _event,
    ),
)
DEADLINES: Sequence[Rule] = (
    rule(rf"[Tt]he deadline (?:for|of) (?:the |our |my )?(?P<v>[\w][\w -]{{1,40}}?) {_NOW_IS}\b", _deadline),
    rule(rf"[Tt]he (?P<v>[\w][\w -]{{1,40}}?) (?:deadline {_NOW_IS}|is due|are due)\b", _deadline),
)
DONE: Sequence[Rule] = (
    rule(
        rf"(?:I've|I have|I) (?:just |now |already |successfully )*(?P<v>(?:{_DONE}) [^.;:!?\"]{{2,90}}?)(?= for you\b"
        rf"|[.;!?]|$)",
        about_me(Form("done", "{who} has {v}.", Kind.DECISION, MANY)),
    ),
)
