"""Facts that a message states, by rules: which sentences are read, whose word they are, and since when they hold.

Precision before recall: a wrong fact is worse than none. Questions, suppositions, wishes, quotations, what others are said to
have said, code, and role-play state nothing. An assistant states only what it says is done or decided. No model, no I/O.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Literal

from memory.facts import personal_facts, stated_facts
from memory.facts.assertion import asserts, clauses, is_played
from memory.facts.own_words import own_words
from memory.facts.rules import ME, Draft, Rule, drafts
from memory.facts.statements import Kind, Statement, Trust
from memory.language.dates import DateMention, find_dates
from memory.language.periods import Grain
from memory.language.prose import plain, sentences

TEXT_CHARACTERS_MAX = 20_000  # what is longer is a document that somebody pasted, which states nothing of its sender
FACTS_PER_MESSAGE_MAX = 32

_QUOTED = re.compile(r"\"[^\"\n]{0,400}\"|(?<!\w)'[^'\n]{2,400}'(?!\w)")
_SLIP = re.compile(
    r"\b(?:I misspoke|I mis-?typed|I meant|(?:sorry, )?I got that wrong|that was (?:wrong|a mistake|a typo)|I was wrong"
    r"|correction(?=:)|scratch that|my mistake)\b[,:;. -]*",
    re.IGNORECASE,
)
_SINCE = re.compile(r"\b(?:since|in|on|from|last|yesterday|as of|back in|this|ago)\b", re.IGNORECASE)
_LASTING = re.compile(r"\b(?:have|has|'ve|'s) (?:\w+ )?(?:been|lived|worked|known|had)\b")
_LEAD = re.compile(r"(?:\b(?:in|on|since|by|at|until|from|before|during|as of|back in|around|this|the)\s)+$", re.IGNORECASE)

# Nothing that is relative means the same at both: not the year, nor the day of the month or of the week.
_ANY_TIMES = (datetime(2001, 2, 3, tzinfo=UTC), datetime(2013, 9, 26, tzinfo=UTC))

Role = Literal["user", "assistant", "system", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message as extraction reads it. `occurred_at` None: nobody knows when it was said; its zone is whose days the
    text speaks of."""

    content: str
    speaker: str
    role: Role
    occurred_at: datetime | None
    trust: int


def extract(said: Said) -> tuple[Statement, ...]:
    """The facts that the message states, in its order, at most FACTS_PER_MESSAGE_MAX, each with its span."""
    if said.role not in {"user", "assistant"} or said.trust <= 0 or len(said.content) > TEXT_CHARACTERS_MAX:
        return ()
    text = own_words(plain(said.content))
    if is_played(text):
        return ()
    return tuple(islice(_unique(_statements(said, text)), FACTS_PER_MESSAGE_MAX))


def _statements(said: Said, text: str) -> Iterator[Statement]:
    slipped = False
    spans = list(sentences(text))
    for (start, end), (after, until) in pairwise([*spans, (len(text), len(text))]):
        sentence = text[start:end]
        slip = _SLIP.search(sentence)
        for first, last in clauses(sentence):
            clause, behind = sentence[first:last], text[after:until] if last == len(sentence) else ""
            if asserts(clause, behind, speaker=said.speaker):
                for statement in _of_sentence(said, clause, slipped=slipped or slip is not None):
                    yield replace(statement, start=statement.start + start + first, end=statement.end + start + first)
        slipped = slip is not None and not sentence[slip.end() :].strip(" .!,")  # "I misspoke." speaks of what comes next


def _of_sentence(said: Said, sentence: str, *, slipped: bool) -> Iterator[Statement]:
    unquoted = _QUOTED.sub(lambda match: " " * len(match[0]), sentence)
    dates = _absolute(unquoted) if said.occurred_at is None else find_dates(unquoted, said.occurred_at)
    if said.role == "assistant":
        yield from _of_assistant(said, unquoted)
        return
    yield from _dated(said, unquoted, dates, slipped=slipped)
    bare = _without(unquoted, dates)
    for rules in (personal_facts.RULES, stated_facts.RULES):
        for draft in drafts(rules, bare):
            since, begun_by = _since(said, unquoted, dates, draft)
            yield replace(_stated(said, draft, since=since, withdraws=slipped), begun_by=begun_by)


def _absolute(sentence: str) -> tuple[DateMention, ...]:
    """The dates that mean the same whenever they were said."""
    first, second = (find_dates(sentence, at) for at in _ANY_TIMES)
    return tuple(one for one in first if one in second)


def _of_assistant(said: Said, sentence: str) -> Iterator[Statement]:
    rules: Sequence[Rule] = stated_facts.DONE
    for draft in drafts(rules, sentence):
        yield _stated(replace(said, trust=min(said.trust, Trust.ASSISTANT)), draft, since=said.occurred_at, withdraws=False)


def _dated(said: Said, sentence: str, dates: Sequence[DateMention], *, slipped: bool) -> Iterator[Statement]:
    """Commitments, deadlines and birthdays: nothing without their day."""
    days = [one for one in dates if one.period.grain in {Grain.DAY, Grain.MINUTE}]
    if not days:
        return
    day = days[-1]
    start = day.period.start.astimezone(UTC if said.occurred_at is None else said.occurred_at.tzinfo)
    shown = f"{start:%Y-%m-%d %H:%M}" if day.period.grain is Grain.MINUTE else f"{start:%Y-%m-%d}"
    for draft in drafts(stated_facts.DEADLINES, sentence):
        yield _stated(
            said, replace(draft, value=shown, text=f"{draft.text}{shown}."), since=said.occurred_at, withdraws=slipped
        )
    for draft in drafts(stated_facts.COMMITMENTS, _without(sentence, dates)):
        due = replace(draft, value=f"{draft.value} ({shown})", text=f"{draft.text} ({shown}).")
        if said.occurred_at is None or day.period.end > said.occurred_at:
            yield _stated(said, due, since=said.occurred_at, withdraws=slipped)
    birthday = re.search(r"\b(?:[Mm]y birthday is|I was born)(?: on)?(?: the)? ?$", sentence[: day.start])
    if birthday:
        draft = _birthday(start, birthday.start(), day.end, born="born" in birthday[0])
        yield _stated(said, draft, since=None, withdraws=slipped)


def _birthday(day: datetime, start: int, end: int, *, born: bool) -> Draft:
    shown = f"{day:%Y-%m-%d}" if born else f"{day:%m-%d}"
    spoken = f"{day:%-d %B %Y}" if born else f"{day:%-d %B}"
    form = personal_facts.BORN if born else personal_facts.BIRTHDAY
    return Draft(
        entity=ME,
        attribute=form.attribute,
        value=shown,
        text=form.text.replace("{v}", spoken),
        kind=form.kind,
        cardinality=form.cardinality,
        polarity=True,
        start=start,
        end=end,
    )


def _without(sentence: str, dates: Sequence[DateMention]) -> str:
    """The sentence with its dates and their prepositions blanked out behind a comma, which ends a value."""
    for one in dates:
        lead = _LEAD.search(sentence[: one.start])
        start = lead.start() if lead else one.start
        sentence = sentence[:start] + "," + " " * (one.end - start - 1) + sentence[one.end :]
    return re.sub(r" ,", ", ", sentence)


def _since(said: Said, sentence: str, dates: Sequence[DateMention], draft: Draft) -> tuple[datetime | None, datetime | None]:
    """Since when it holds: the day that the sentence names, if that has come, else when it was said. And by when it does at the
    latest, which is now for what has been so since then."""
    past = [one for one in dates if said.occurred_at is None or one.period.start <= said.occurred_at]
    if not past or not draft.polarity or draft.kind in {Kind.PREFERENCE, Kind.COMMITMENT}:
        return said.occurred_at, None
    lead = sentence[max(0, past[0].start - 12) : past[0].end]
    if not _SINCE.search(lead):
        return said.occurred_at, None
    if said.occurred_at is None:
        return past[0].period.start, None
    lasting = _LASTING.search(sentence) is not None
    begun_by = said.occurred_at if lasting else min(past[0].period.end, said.occurred_at)
    return past[0].period.start, begun_by.astimezone(UTC)


def _stated(said: Said, draft: Draft, *, since: datetime | None, withdraws: bool) -> Statement:
    entity = draft.entity or said.speaker
    text = draft.text.replace("{who}", entity)
    return Statement(
        entity=entity,
        attribute=draft.attribute,
        value=draft.value,
        text=text[0].upper() + text[1:],
        kind=draft.kind,
        cardinality=draft.cardinality,
        trust=said.trust,
        polarity=draft.polarity,
        withdraws=withdraws,
        valid_from=None if since is None else since.astimezone(UTC),
        start=draft.start,
        end=draft.end,
    )


def _unique(statements: Iterator[Statement]) -> Iterator[Statement]:
    seen: set[tuple[str, str, str, bool]] = set()
    for one in statements:
        key = (one.entity, one.attribute, one.value, one.polarity)
        if key not in seen:
            seen.add(key)
            yield one
