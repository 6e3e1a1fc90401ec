"""What never goes through the cache: questions whose answer is of the moment or of the person, and responses that are no
answers. Pure classification by words; whoever knows better says `no-store`.
"""

import re
from collections.abc import Mapping
from typing import cast

RESPONSE_CHARACTERS_MIN = 1

_TIMELY = re.compile(
    r"\b(?:right now|just now|at the moment|as of (?:now|today)|today|tonight|tomorrow|yesterday|currently|nowadays"
    r"|(?:this|next|last) (?:morning|afternoon|evening|night|week|weekend|month|quarter|year)"
    r"|latest|up[- ]to[- ]date|breaking|live (?:score|price|status)"
    r"|(?:current|present) (?:time|date|price|rate|weather|status|balance)"
    r"|what (?:time|day) is it|weather|forecast|stock price|share price)\b",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"\bwho am i\b|\bmy (?:own )?(?:name|birthday|age|diagnosis|salary|balance) is\b"
    r"|\b(?:what(?:'s| is| are| was| were)|show(?: me)?|list|whe(?:re|n)(?:'s| is| are)) (?:all )?(?:of )?my\b"
    r"|\bhow (?:much|many|old|long)(?: \w+)? (?:is|are|was|of|do|did|have) (?:all )?(?:of )?my\b"
    r"|\b(?:did|have|had) i (?:say|said|tell|told|mention|ask|asked|order|ordered|buy|bought|pay|paid|spend|spent)\b"
    r"|\b(?:do you )?remember (?:when|what|that|my|me)\b|\bremind me\b|\babout me\b"
    r"|\bhow (?:much|many) (?:\w+ )?(?:do|did|have) i\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"^\W*(?:i(?:'|\u2019)?m|i am)\s+(?:very |so |really )?(?:sorry|afraid|unable|not able|not allowed)\b"
    r"|^\W*(?:sorry|apologies|unfortunately|regrettably)\b[^.]{0,80}\b(?:can(?:no|')?t|cannot|unable|not able|won'?t)\b"
    r"|^\W*i (?:can(?:no|'|\u2019)?t|cannot|won(?:'|\u2019)?t|do not|don(?:'|\u2019)?t)\s+(?:\w+ )?"
    r"(?:help|assist|answer|provide|comply|discuss|know|have (?:enough|access|information))"
    r"|^\W*as an? (?:ai|language) (?:language )?model\b",
    re.IGNORECASE,
)
_WHOLE = frozenset({"stop", "end_turn", "stop_sequence", "eos"})


def bypass_reason(query: str) -> str | None:
    """Why a question is not looked up: `time_sensitive` or `personal`; None when it may be."""
    if _TIMELY.search(query):
        return "time_sensitive"
    return "personal" if _PERSONAL.search(query) else None


def refusal_reason(response: object) -> str | None:
    """Why a response is not stored: it is no whole answer. None when it may be.

    A response is a text, or an object as chat endpoints give it: `content`, or `choices` of which the first counts, with
    `finish_reason`, `tool_calls`, `refusal` and `error` in their usual places.
    """
    if isinstance(response, str):
        return _text_reason(response)
    if not isinstance(response, Mapping):
        return "not_an_answer"
    whole = cast("Mapping[str, object]", response)
    choice = _first(whole.get("choices")) or whole
    message = _object(choice.get("message")) or choice
    finish = choice.get("finish_reason") or choice.get("stop_reason") or whole.get("stop_reason")
    if whole.get("error"):
        return "error"
    if message.get("tool_calls") or message.get("function_call") or finish in {"tool_calls", "function_call", "tool_use"}:
        return "tool_call"
    if message.get("refusal") or finish == "content_filter":
        return "refusal"
    if isinstance(finish, str) and finish not in _WHOLE:
        return "truncated"
    return _text_reason(answer_text(whole))


def answer_text(response: object) -> str:
    """The words of a response; empty when it has none."""
    if isinstance(response, str):
        return response
    if isinstance(response, list):
        return " ".join(filter(None, (answer_text(part) for part in cast("list[object]", response))))
    if not isinstance(response, Mapping):
        return ""
    whole = cast("Mapping[str, object]", response)
    choice = _first(whole.get("choices")) or whole
    message = _object(choice.get("message")) or choice
    return answer_text(message.get("content") or message.get("text") or message.get("answer") or "")


def _text_reason(text: str) -> str | None:
    if len(text.strip()) < RESPONSE_CHARACTERS_MIN:
        return "empty"
    return "refusal" if _REFUSAL.search(text[:400]) else None


def _first(value: object) -> Mapping[str, object] | None:
    return _object(cast("list[object]", value)[0]) if isinstance(value, list) and value else None


def _object(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None
