"""Whether a sentence asserts what its words say. Questions, suppositions, wishes, hearsay, what others are said to think, whole
sentences denied ("I don't think that I like it"), irony, and texts that are only to be written, translated or played, do not.

Precision before recall: in doubt, nothing is asserted. English, by patterns; what is asserted is the rules' to say.
"""

import re
from collections.abc import Iterator

from memory.facts.rules import NAME

SENTENCE_CHARACTERS_MAX = 400

_ME = r"(?=(?:I|[Ww]e|[Mm]y|[Oo]ur)\b)"
_SUBJECT = (
    rf"(?=(?:I|[Ww]e|[Mm]y|[Oo]ur)\b|{NAME} (?:is|was|has|had|will|now|no longer|got|left|quit|moved|relocated|married|founded"
    r"|(?:live|work|report|own|manage|lead|maintain)s)\b)"
)
_THAT = r"(?:,? ?(?:that|how|if|whether))?,? "
_PLEASE = (
    r"(?:(?:please|kindly|hey|hi|now|ok(?:ay)?|so|just|also|(?:can|could|would|will) you"
    r"|help me(?: to)?|let's|I'd like you to),? )*"
)
_PLAYED = re.compile(
    rf"^\s*(?:\*|{_PLEASE}(?:"
    r"(?:act|assume (?:the|an?|that|you)|pretend|imagine|role-?play|play|translate"
    r"|rewrite|rephrase|paraphrase|summari[sz]e|proofread)\b"
    r"|you are (?:now )?an? |(?:write|draft|compose|generate) (?:me |us |him |her )?(?:an?|the|my|this|some)\b"
    r"|(?:fix|correct|check|improve|polish|edit) (?:the |my |this |its )*(?:grammar|spelling|wording|sentence|text"
    r"|typos?|e-?mail|essay|paragraph|bio|letter|draft)"
    r"|repeat (?:after me|this|the following)|in (?:this|the) (?:story|game|scene)\b"
    r"|how (?:do|would|can|should) (?:you|I|we) say\b))",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless|whether|suppos(?:e|ed|ing)|assum(?:e|ing)|imagin(?:e|ing)|pretend(?:s|ed|ing)?|hypothetically|what if"
    r"|let's say|as though|in case|provided that|wish|wonder(?:ing)?|(?:would|could|should|might)(?:n't)?|maybe|perhaps"
    r"|probably|possibly|presumably|supposedly|allegedly|apparently|reportedly|seemingly|neither|not sure|i think|i guess"
    r"|i believe|i'd say|hope|hopefully|i doubt|thinking (?:about|of)|considering|planning|kidding|joking|joked|lied|lying"
    r"|in (?:the|my|our|his|her|this|that|an?) (?:book|movie|story|game|film|novel|comics?|show|series|play|song)"
    r"|character|according to|rumou?r(?:s|ed)?|(?:has|had) it that"
    r"|word (?:is|has it)"
    r"|(?:am|'m|is|are|was|were|been) told|dream(?:s|ed|t|ing)?|for example|e\.g\.|example:|for the sake of argument"
    r"|for (?:this|the|an?) (?:exercise|scenario|example|test)|consider me"
    r"|in (?:an?|some|another) (?:\w+ )?(?:world|universe|life|lifetime|timeline|reality))\b",
    re.IGNORECASE,
)
_POSED = re.compile(
    r"^(?:so,? |well,? |ok(?:ay)?,? )?say,? (?=(?:I|we|my)\b)"
    r"|^(?:once|when|whenever|as soon as|until|by the time) (?:I|we) (?:live|work|move|speak|am|are|have)\b"
    r"|\b(?:prompt|sentence|phrase|text|example|following|input|quote|lyrics?|headline|caption|title"
    r"|message|post|tweet|e-?mail)\b[^:.]{0,30}: ",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"(?<!['\w])(?!I\b|you asked)\w+ (?:said|says|told|claims?|claimed|thinks?|thought|wrote"
    r"|asked|believes?|mentioned|suggested|keeps? saying)\b|\b(?:asked|told) (?:me|him|her|them)\b"
    rf"|(?<!['\w])(?!I\b|[Ww]e\b)[\w']+ (?:say|insist|assum|suspect|reckon|guess|hear|read|feel|swear|argu|alleg|stat|report"
    r"|impl|complain|assert|maintain|figur|bet|tell|writ|wish|announc|declar|joke?)(?:ed|es|s|d|ies|ing)?"
    rf"(?: (?:me|him|her|them|us|people|everyone|everybody))?{_THAT}{_SUBJECT}"
    r"|(?<!I'm )(?<!I am )(?<!I was )\b(?:convinced|sure|certain|positive|adamant|under the impression)"
    rf"{_THAT}{_SUBJECT}"
    rf"|\bI(?:'ve| have)? (?:just |also |only )?(?:hear|heard|read|suspect|assume|guess|bet|reckon|figure"
    rf"|gather|fear){_THAT}{_SUBJECT}",
)
_DENIED = re.compile(
    r"(?:\b(?i:not|never|cannot|nobody|no one)|n't)(?: (?:really|actually|exactly|necessarily|quite|even|ever|honestly))*"
    r" (?:(?:say|said|saying|think|thinking|believe|claim|claimed|claiming|suggest|suggesting|pretend|true|the case|correct)"
    rf"{_THAT}{_SUBJECT}|(?:mean|meant|feel like|know|right|like|as if|because|that){_THAT}{_ME})"
    rf"|\b(?i:false|untrue|nonsense|a lie|a myth|no way|deny|denied|denying|far from true){_THAT}{_SUBJECT}",
)
_ASKED = re.compile(
    r"(?:\b(?:do|did|am|have|has|was|were|will|can|shall)(?:n't)?|\b(?:don't|didn't|haven't|can't|won't)) (?:I|[Ww]e) (?=\w)"
    rf"|^(?:[Dd]o|[Dd]oes|[Dd]id|[Ii]s|[Aa]re|[Ww]as|[Ww]ere|[Hh]as|[Hh]ave)(?:n't)? (?:I|we|my|our|the|{NAME})\b",
)
_IRONY = (
    r"/s|yeah,? right|(?:said|says) (?:no ?-?one|nobody)(?: ever)?|not|just kidding|(?:only )?kidding|jk|j/k|psych|as if|i wish"
    r"|in my dreams|if only|sure i do|not really|🙄"
)
_IRONIC = re.compile(
    r"\byeah,? right\b|\b(?:said|says) (?:no ?-?one|nobody)\b|,? not!+\s*$|(?:^|\s)/s\s*$|🙄"
    r"|^(?:oh|ah|wow|gee|ugh),? (?:great|sure|joy|wonderful|fantastic|perfect|lovely|nice|brilliant|of course|how nice)\b"
    r"|^what an? (?:joy|pleasure|treat|delight)\b"
    r"|^(?:great|sure|fantastic|wonderful|perfect|lovely|awesome|brilliant),? I (?:just |so |really |absolutely )*"
    r"(?:love|adore|enjoy)\b",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(rf"\W*(?:{_IRONY})\W*", re.IGNORECASE)


# "Bob: I live here." is Bob's word. What is no name may stand before a colon.
_TURN = re.compile(rf"(?:[-*] )?\**(?P<who>{NAME}|[Uu]ser|[Aa]ssistant|[Ss]peaker \d+|[AaQq])\**: ")
_LABEL_WORDS = (
    "note notes fact facts update reminder fyi ps btw also correction edit info important bio about job work diet home "
    "location family hobbies hobby preference preferences profile background summary allergies allergy name age contact "
    "address email phone goal goals today context answer me myself remember disclaimer warning status news plan health "
    "food music travel language languages interests skills education heads hey hi ok okay well so one first second third "
    "finally lastly decision"
)
_LABELS = frozenset(_LABEL_WORDS.split())


_BUT = re.compile(
    r"[,;]? but (?=(?:I|[Ww]e|[Mm]y|[Oo]ur)\b)"
    r"(?!.*\b(?:kidding|joking|lying|lied|not true|was wrong|dream(?:t|ed)?|don't|do not|didn't)\b)"
)
# What leads in a statement and takes nothing from it.
_LEAD_IN = re.compile(
    r"^(?:and |so |also,? )?(?:you should (?:know|note)|(?:I|i) (?:should|must|would like to|wanted to|have to) "
    r"(?:say|mention|add|note|admit|tell you)"
    r"|as you may know|in case you (?:wondered|forgot|missed it|didn't know))(?: that)?[,:]? ",
    re.IGNORECASE,
)


def clauses(sentence: str) -> Iterator[tuple[int, int]]:
    """`[start, end)` of what "but" parts: "not sure whether I told you, but I'm vegan" asserts its second half alone."""
    start = 0
    for match in _BUT.finditer(sentence):
        yield start, match.start()
        start = match.end()
    yield start, len(sentence)


def is_played(text: str) -> bool:
    """Whether the whole text is a task on words or a game, so that none of its sentences is the writer's own."""
    return _PLAYED.match(text) is not None


def asserts(sentence: str, after: str = "", *, speaker: str = "") -> bool:
    """Whether the writer stands by what the sentence says. `after` is the sentence behind it, which may take it back."""
    sentence = _LEAD_IN.sub("", sentence)
    turn = _TURN.match(sentence)
    if turn and turn["who"].casefold() not in _LABELS | {speaker.casefold(), *speaker.casefold().split()[:1]}:
        return False
    return (
        len(sentence) <= SENTENCE_CHARACTERS_MAX
        and "?" not in sentence
        and not any(one.search(sentence) for one in (_SUPPOSED, _POSED, _REPORTED, _DENIED, _ASKED, _IRONIC))
        and not _TAKEN_BACK.fullmatch(after)
    )
