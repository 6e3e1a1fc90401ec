"""What people say of themselves: name, home, work, age, birthday, family, pets, diet, contact, and what they like."""

import re
from collections.abc import Sequence

from memory.facts.rules import (
    AM,
    CLAUSE,
    HAVE,
    I_,
    ME,
    NAME,
    NOW,
    PLACE,
    STOP,
    WORD,
    Build,
    Draft,
    Form,
    Rule,
    about_me,
    draft,
    is_name,
    is_thing,
    kinship,
    lives_in,
    rule,
    thing_of_mine,
    trimmed,
)
from memory.facts.statements import Cardinality, Kind

MANY = Cardinality.MANY
_NO_MORE = r"(?: anymore| any more| any longer)"
_PARTNER = r"(?:wife|husband|partner|spouse|girlfriend|boyfriend|fianc[eé]e?|mother|mom|mum|father|dad)"
_KIN = (
    r"(?:son|daughter|brother|sister|cousin|uncle|aunt|niece|nephew|grandmother|grandma|grandfather|grandpa|boss"
    r"|manager|best friend"
    r"|friend|roommate|colleague|coworker|neighbou?r|doctor|dentist|therapist"
    r"|team lead|supervisor|tutor|coach|landlord|lawyer|accountant|teacher)"
)
_PET = r"(?:dog|cat|puppy|kitten|parrot|rabbit|bunny|hamster|horse|turtle|tortoise|snake|goldfish|guinea pig)"
_PROFESSION = (
    r"(?:engineer|developer|teacher|nurse|doctor|lawyer|designer|manager|analyst|scientist|student|writer|artist|chef"
    r"|accountant"
    r"|consultant|architect|electrician|plumber|pharmacist|professor|researcher|journalist|photographer|musician"
    r"|dentist|mechanic"
    r"|carpenter|librarian|programmer|pilot|therapist|veterinarian|paramedic|firefighter|translator|editor|barista"
    r"|baker|farmer)"
)
_DIET = r"(?P<v>vegetarian|vegan|pescatarian|flexitarian|gluten[- ]free|lactose[- ]intolerant|halal|kosher|c(?:o?e)liac|keto)"
_THING = r"(?P<v>[a-zA-Z0-9][^.,;:!?()\"]{0,60}?)"
_SOFTLY = r"(?: really| absolutely| also| still| just| actually| truly| always| totally| particularly| especially| do| both)*"

_OWNING = rf"(?:I've|[Ww]e've|{I_}{NOW} have|{I_})(?: got| adopted| bought)?"
_HAVE = r"(?:I've|I have|[Ww]e've|[Ww]e have)"
_HAVE_BEEN = rf"{_HAVE}{NOW} been"
# What has been so for long is so; where dates stood there is a comma (extraction.py). "I've lived in Oslo and Rome" tells of
# the past.
_UNTIL_NOW = r"(?=\s*(?:,\s*)?(?:since\b|for\b|all my\b|my (?:whole|entire)\b|most of\b)|,\s+[.!]?$)"
_OWN = (
    r"(?:time ?zone|native language|mother tongue|first language|nationality|pronouns|blood type|star sign|zodiac sign"
    r"|shoe size|middle name|last name|surname|maiden name|nickname|username|handle|major|degree|alma mater|religion|hobby"
    r"|home address|address|seat preference|employee (?:id|number)|customer (?:id|number)"
    r"|working hours|office hours|preferred language)"
)
_IS_NOW = r"(?:is|(?:has )?changed to|became)(?: now)?"
_PEOPLE = re.compile(
    r"^(?:\w+ish|\w+ese|French|Dutch|Greek|German|Swiss|Czech|Thai|Russian|Italian|American|Canadian|Australian|Indian|Mexican"
    r"|Brazilian|Norwegian|Ukrainian|Romanian|Hungarian|Bulgarian|Belgian|Austrian|Egyptian|Iranian|Iraqi|Israeli|Pakistani"
    r"|Korean|African|European|Asian|Latina|Latino|Hispanic|Catholic|Muslim|Jewish|Buddhist|Hindu|Christian|Republican"
    r"|Democrat)\b"
)

_HOME = lives_in(Form("home", "{who} lives in {v}."))
_JOB = thing_of_mine(Form("job", "{who}'s job is {v}."))
_EMPLOYER = about_me(Form("employer", "{who} works at {v}."))
_LEFT = about_me(Form("employer", "{who} no longer works at {v}.", polarity=False))
_GONE = lives_in(Form("home", "{who} no longer lives in {v}.", polarity=False))
_LIKES = thing_of_mine(Form("likes", "{who} likes {v}.", Kind.PREFERENCE, MANY))
_DISLIKES = thing_of_mine(Form("likes", "{who} does not like {v}.", Kind.PREFERENCE, MANY, polarity=False))
_DIET_IS = about_me(Form("diet", "{who} is {v}."))
_DIET_WAS = about_me(Form("diet", "{who} is no longer {v}.", polarity=False))
_NO_FOOD = thing_of_mine(Form("eats", "{who} does not eat {v}.", Kind.PREFERENCE, MANY, polarity=False))
_NO_DRINK = thing_of_mine(Form("drinks", "{who} does not drink {v}.", Kind.PREFERENCE, MANY, polarity=False))
_ALLERGY = thing_of_mine(Form("allergy", "{who} is allergic to {v}.", cardinality=MANY))

_GOAL = thing_of_mine(Form("goal", "{who}'s goal is to {v}.", cardinality=MANY))
_SPEAKS = about_me(Form("language", "{who} speaks {v}.", cardinality=MANY))
_ALLERGY_WAS = thing_of_mine(Form("allergy", "{who} is not allergic to {v}.", cardinality=MANY, polarity=False))


def _relative(match: re.Match[str]) -> Draft | None:
    """My sister Ann; my dog's name is Rex."""
    who, name = match["kin"], trimmed(match["v"]).removesuffix("'s")
    return draft(match, ME, name, kinship(who)) if is_name(name) else None


def _relative_by_name(match: re.Match[str]) -> Draft | None:
    """My manager is Dana; but not: my wife is French."""
    value = trimmed(match["v"])
    return None if value.isupper() or _PEOPLE.search(value) else _relative(match)


def _introduced(match: re.Match[str]) -> Draft | None:
    """Hi, I'm Bob; but not: hi, I'm French."""
    value = trimmed(match["v"])
    named = is_name(value) and not value.isupper() and not _PEOPLE.search(value)
    return draft(match, ME, value, Form("name", "{who}'s name is {v}.")) if named else None


def _spouse(match: re.Match[str]) -> Draft | None:
    value = trimmed(match["v"])
    form = Form("spouse", "{who} is married to {v}.", Kind.RELATION)
    return draft(match, ME, value, form) if is_name(value) else None


def _divorced(match: re.Match[str]) -> Draft | None:
    value = trimmed(match["v"])
    form = Form("spouse", "{who} is no longer married to {v}.", Kind.RELATION, polarity=False)
    return draft(match, ME, value, form) if is_name(value) else None


def _own(match: re.Match[str]) -> Draft | None:
    """My time zone is CET."""
    value, what = trimmed(match["v"]), match["what"].replace("timezone", "time zone")
    return draft(match, ME, value, Form(what, "{who}'s {a} is {v}.")) if is_thing(value) else None


def _favourite(match: re.Match[str]) -> Draft | None:
    value = trimmed(re.sub(r"^(?:definitely|probably|still|now|currently|always|also) ", "", match["v"]))
    bare = re.sub(r"^(?:[Tt]he|my|an?) ", "", value)
    if re.match(r"(?:one|thing|part|way|memory|moment)\b", match["what"]):
        return None
    form = Form(f"favorite {trimmed(match['what'])}", "{who}'s {a} is {v}.", Kind.PREFERENCE)
    return draft(match, ME, value, form) if is_thing(bare) else None


def _age(match: re.Match[str]) -> Draft | None:
    return draft(match, ME, match["v"], Form("age", "{who} is {v} years old.")) if 3 <= int(match["v"]) <= 115 else None


def _pet(match: re.Match[str]) -> Draft | None:
    value = re.sub(r"^an? ", "", trimmed(match["v"]))
    return draft(match, ME, value, Form("pet", "{who} has a {v}.", cardinality=MANY))


def _named(pattern: str, build: Build = _relative) -> Rule:
    return rule(
        rf"(?:[Mm]y|[Oo]ur) (?:older |younger |little |big |new |late )?(?P<kin>{_PARTNER}|{_KIN}|{_PET}){pattern}", build
    )


RULES: Sequence[Rule] = (
    rule(rf"[Mm]y (?:full |first |real )?name(?: is|'s){NOW} (?P<v>{NAME})", about_me(Form("name", "{who}'s name is {v}."))),
    rule(
        r"(?:[Hh]i|[Hh]ello|[Hh]ey)(?: there| all| everyone)?[,!.]? (?:I'm|I am|[Tt]his is)"
        rf" (?P<v>{NAME})(?=[.,!]|$| (?:and|from)\b)",
        _introduced,
    ),
    rule(r"[Mm]y (?:main |next )?goal is to (?P<v>[a-z][^.,;:!?\"]{2,80}?)(?=[.,;:!]|$)", _GOAL),
    rule(
        rf"{I_}{NOW} (?:live|reside){NOW}(?: with (?:my|our) [a-z]+| alone| together| here)* in (?P<v>{PLACE})(?!{_NO_MORE})",
        _HOME,
    ),
    rule(rf"{AM}{NOW} (?:(?:living|based|settled) in|based out of) (?P<v>{PLACE})", _HOME),
    rule(rf"{_HAVE_BEEN} (?:living|based) in (?P<v>{PLACE})", _HOME),
    rule(rf"{_HAVE} lived in (?P<v>{PLACE}){_UNTIL_NOW}", _HOME),
    rule(
        rf"(?:{I_}|{HAVE}){NOW} (?:moved|relocated)(?: back| over| out| away| here| down| up)*(?: from {PLACE})? to"
        rf" (?P<v>{PLACE})",
        _HOME,
    ),
    rule(rf"{I_}{NOW} (?:no longer live|don't live|do not live|used to live) in (?P<v>{PLACE})", _GONE),
    rule(rf"{I_} live in (?P<v>{PLACE}) no longer", _GONE),
    rule(rf"(?:I'm|I am){NOW} (?:originally )?from (?P<v>{PLACE})", lives_in(Form("hometown", "{who} is from {v}."))),
    rule(rf"{I_} grew up in (?P<v>{PLACE})", lives_in(Form("hometown", "{who} is from {v}."))),
    rule(rf"I{NOW} work as an? (?P<v>[a-z][\w -]{{2,40}}?){STOP}", _JOB),
    rule(rf"(?:I'm|I am){NOW} working as an? (?P<v>[a-z][\w -]{{2,40}}?){STOP}", _JOB),
    rule(
        rf"[Mm]y (?:new )?(?:job|occupation|profession)(?: title)? is{NOW} (?:an? )?(?P<v>[a-zA-Z][\w -]{{2,40}}?){STOP}", _JOB
    ),
    rule(rf"(?:I'm|I am){NOW} an? (?P<v>(?:[a-z]+[ -]){{0,3}}{_PROFESSION})\b(?!'s| (?:of|for|by)\b)", _JOB),
    rule(rf"{HAVE}{NOW} (?:became|become) an? (?P<v>(?:[a-z]+[ -]){{0,3}}{_PROFESSION})\b", _JOB),
    rule(rf"I{NOW} work{NOW} (?:at|for) (?P<v>{NAME})(?!{_NO_MORE})", _EMPLOYER),
    rule(rf"(?:I'm|I am){NOW} (?:working|employed) (?:at|for|by) (?P<v>{NAME})", _EMPLOYER),
    rule(
        rf"{HAVE}{NOW} (?:started (?:a new job |a job |work |working )|got a (?:new )?job )(?:at|with|for) (?P<v>{NAME})",
        _EMPLOYER,
    ),
    rule(rf"{_HAVE_BEEN} (?:working|employed) (?:at|for|with|by) (?P<v>{NAME})", _EMPLOYER),
    rule(rf"{_HAVE} worked (?:at|for) (?P<v>{NAME}){_UNTIL_NOW}", _EMPLOYER),
    rule(rf"{_HAVE_BEEN} an? (?P<v>(?:[a-z]+[ -]){{0,3}}{_PROFESSION})\b(?!'s){_UNTIL_NOW}", _JOB),
    rule(rf"{HAVE}{NOW} (?:joined) (?P<v>{NAME}) as an? \w+", _EMPLOYER),
    rule(
        rf"{HAVE}{NOW} (?:switched|changed|moved) (?:jobs|companies|employers|firms) (?:from {NAME} )?to (?P<v>{NAME})",
        _EMPLOYER,
    ),
    rule(
        rf"{HAVE}{NOW} (?:left|quit|resigned from) {NAME} (?:and|to|for)(?: I| then| now| have|'ve)*"
        rf"(?: join(?:ed)?| work(?: at| for)?"
        rf"| start(?:ed)?(?: working)? (?:at|with))? (?P<v>{NAME})",
        _EMPLOYER,
    ),
    rule(
        rf"(?:I|I've|I have|I was|I got|I've been){NOW} (?:fired|laid off|let go|resigned|retired) (?:from|by|at)"
        rf" (?P<v>{NAME})",
        _LEFT,
    ),
    rule(
        rf"{HAVE}{NOW} (?:no longer work|quit my job|left my job|don't work|do not work|stopped working|used to work)"
        rf" (?:at|for) (?P<v>{NAME})",
        _LEFT,
    ),
    rule(r"(?:I'm|I am)(?: now| already| only)? (?P<v>\d{1,3}) years old\b", _age),
    rule(r"I (?:just |recently )?turned (?P<v>\d{1,3})\b(?! (?:of|degrees|pages|%))(?=[ .,!]|$)", _age),
    _named(rf" is (?P<v>{NAME})(?=\s*(?:[.,;!]|$)| (?:and|but|who|now)\b)", _relative_by_name),
    _named(rf"(?:'s name is|'s called| is called| is named|, who is called| named| called) (?P<v>{NAME})"),
    _named(
        rf",? (?P<v>{NAME})(?=(?:'s)?(?:,| (?:is|was|has|had|loves|likes|lives|works|said|told|and|will|just|got|moved"
        rf"|turned)\b|[.!]?$))"
    ),
    rule(rf"{_OWNING} an? (?:[a-z]+ )?(?P<kin>{_PET}|{_KIN}) (?:named|called) (?P<v>{NAME})", _relative),
    rule(
        rf"{_OWNING} (?P<v>an? (?:[a-z]+ )?{_PET})(?=[.,!]|$| (?:and|now|at home)\b)(?!"
        rf" (?:named|called))",
        _pet,
    ),
    rule(
        rf"(?:I've|I have|We've|We have)(?: got)? (?P<v>(?:two|three|four|five|a couple of|a few) (?:[a-z]+ )?{_PET}s)\b", _pet
    ),
    rule(rf"(?:I'm|I am){NOW} married to (?P<v>{NAME})", _spouse),
    rule(rf"{HAVE}{NOW} (?:got )?married (?:to )?(?P<v>{NAME})", _spouse),
    rule(rf"(?:{HAVE}|{AM}){NOW} (?:got |been |separated and )?(?:divorced|separated)(?: from)? (?P<v>{NAME})", _divorced),
    rule(rf"(?:I'm|I am) (?:no longer|not) married to (?P<v>{NAME})", _divorced),
    rule(rf"(?:I'm|I am){NOW} (?:an? )?(?:strict )?{_DIET}\b(?!{_NO_MORE})", _DIET_IS),
    rule(rf"{HAVE}{NOW} (?:went|gone|turned|become|became) (?:a )?{_DIET}\b", _DIET_IS),
    rule(rf"{_HAVE_BEEN} (?:an? )?(?:strict )?{_DIET}{_UNTIL_NOW}", _DIET_IS),
    rule(rf"(?:I'm|I am) (?:no longer|not) (?:an? )?{_DIET}\b", _DIET_WAS),
    rule(rf"(?:I'm|I am){NOW} (?:severely |very |badly |quite )?allergic to {_THING}{CLAUSE}", _ALLERGY),
    rule(rf"{_HAVE_BEEN} (?:severely |very )?allergic to {_THING}{CLAUSE}", _ALLERGY),
    rule(
        r"(?:I have|I've got|I've|I suffer from) an? (?:severe |bad |serious |mild )?(?P<v>[a-z]+(?: [a-z]+)?) allergy\b",
        _ALLERGY,
    ),
    rule(rf"(?:I'm|I am) (?:no longer|not) allergic to {_THING}(?:{_NO_MORE})?{STOP}", _ALLERGY_WAS),
    rule(rf"I (?:don't|do not|never|no longer|can't|cannot) eat {_THING}(?:{_NO_MORE})?{STOP}", _NO_FOOD),
    rule(rf"{HAVE}{NOW} (?:stopped|quit|given up|gave up) eating {_THING}{STOP}", _NO_FOOD),
    rule(rf"I (?:don't|do not|never|no longer) drink {_THING}(?:{_NO_MORE})?{STOP}", _NO_DRINK),
    rule(rf"{HAVE}{NOW} (?:stopped|quit|given up|gave up) drinking {_THING}{STOP}", _NO_DRINK),
    rule(
        rf"[Mm]y (?:new |work |personal )?e-?mail(?: address)? {_IS_NOW} (?P<v>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)",
        about_me(Form("email", "{who}'s email is {v}.")),
    ),
    rule(
        rf"{HAVE}{NOW} changed my e-?mail(?: address)? to (?P<v>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)",
        about_me(Form("email", "{who}'s email is {v}.")),
    ),
    rule(
        r"(?:[Yy]ou can |[Pp]lease )?(?:[Rr]each|[Ee]mail|[Cc]ontact|[Ww]rite to|[Ww]rite) me (?:at|under)"
        r" (?P<v>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)",
        about_me(Form("email", "{who}'s email is {v}.")),
    ),
    rule(
        rf"[Mm]y (?:new )?(?:phone|mobile|cell)(?: phone)?(?: number)? {_IS_NOW} (?P<v>\+?\d[\d ()-]{{5,18}}\d)",
        about_me(Form("phone", "{who}'s phone number is {v}.")),
    ),
    rule(rf"[Mm]y (?:all-time |absolute )?favou?rite (?P<what>[a-z][a-z ]{{1,30}}?) is {_THING}{STOP}", _favourite),
    rule(rf"I{_SOFTLY} (?:love|like|enjoy|adore) {_THING}(?!{_NO_MORE}){CLAUSE}", _LIKES),
    rule(rf"(?:I'm|I am){NOW} (?:a (?:big|huge) fan of|fond of|(?:really )?into) {_THING}{CLAUSE}", _LIKES),
    rule(
        rf"I(?:'d)?{_SOFTLY} prefer {_THING}(?= (?:over|to|rather than)\b|\s*(?:$|[.,;:!?]))",
        thing_of_mine(Form("prefers", "{who} prefers {v}.", Kind.PREFERENCE, MANY)),
    ),
    rule(rf"(?:I'm|I am) (?:not|no longer) (?:really )?(?:an? (?:big |huge )?fan of|fond of|into) {_THING}{CLAUSE}", _DISLIKES),
    *(
        rule(rf"I{NOW} (?:can )?speak (?:fluent |some |a little )?(?:{WORD}(?:,| and|, and) ){{{place}}}(?P<v>{WORD})", _SPEAKS)
        for place in range(3)
    ),
    rule(rf"[Mm]y (?:new |current |preferred )?(?P<what>{_OWN}) (?:is|are){NOW} {_THING}{STOP}", _own),
    rule(rf"I was born(?: and raised)? in (?P<v>{PLACE})", lives_in(Form("birthplace", "{who} was born in {v}."))),
    rule(
        rf"I{_SOFTLY} (?:hate|dislike|detest|loathe|can't stand|cannot stand|(?:don't|do not)(?: really)? (?:like|enjoy"
        rf"|love)) {_THING}(?:{_NO_MORE})?{CLAUSE}",
        _DISLIKES,
    ),
    rule(rf"I (?:no longer|don't|do not) (?:like|enjoy|love) {_THING}(?:{_NO_MORE})?{CLAUSE}", _DISLIKES),
)

BIRTHDAY = Form("birthday", "{who}'s birthday is {v}.")
BORN = Form("date of birth", "{who} was born on {v}.")
