"""Summaries of a session: compressed on demand, or read at any budget."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.http.operation import Ask, NoQuery, Operation, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.sessions import NO_SESSION, NO_USER, OwnerQuery, owner, session_id
from api.http.routes.troubles import BODY, ONCE
from api.services import Services
from api.wire.schema import Shape
from api.wire.summaries import CompressIn, SummaryOut, summary_out
from core.caller import Grant
from core.errors import Invalid, Unavailable
from memory.compression.types import Mode, Summary

TOKENS_DEFAULT = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryQuery(OwnerQuery):
    """Whose session, and how many tokens the summary may have."""

    tokens_max: int = TOKENS_DEFAULT


_SUMMARY: Mapping[str, object] = {
    "summary_id": "sum_0000000000007",
    "tokens_before": 2114,
    "tokens_after": 8,
    "mode": "extractive",
    "sentences": [
        {
            "text": "Ann moved to Leeds last Friday.",
            "message_id": "m1",
            "span": [0, 29],
            "tokens": 8,
            "rewritten": False,
            "sources": [{"message_id": "m1", "span": [0, 29]}],
        }
    ],
    "fallback": None,
}
_SMALL = Trouble(
    kind=Invalid,
    code="memory.summary_budget",
    detail="a summary of 3 tokens has no room for any sentence of this session: the shortest has 5 tokens. Ask for 5 or more.",
)
_BUDGET = Trouble(kind=Invalid, code="memory.invalid_tokens_max", detail="tokens_max is 0; it must be 1 to 100000")
_BUSY = Trouble(
    kind=Unavailable, code="memory.session_busy", detail="other writers were faster on session 'chat-17' 5 times in a row."
)


async def _compress(services: Services, ask: Ask[CompressIn, NoQuery]) -> Summary:
    caller = ask.caller.acting_for(ask.body.user_id)
    return await services.remembering.compression.compress(
        caller, session_id(ask.path), ask.body.tokens_max, Mode(ask.body.mode)
    )


async def _get(services: Services, ask: Ask[None, SummaryQuery]) -> Summary:
    caller = owner(ask.caller, ask.query)
    return await services.remembering.compression.summary(caller, session_id(ask.path), ask.query.tokens_max)


COMPRESS = Operation(
    method="POST",
    path="/v1/sessions/{id}:compress",
    name="compressSession",
    summary="Compress a session",
    description="Brings the session's summary tree up to date, which recall then finds, and answers with its best sentences "
    "within `tokens_max`, each with the words of a message that it stands on. The same messages give the same bytes. Only "
    "`abstractive` asks the text model; where it is absent, too slow, over its cap or unfaithful, `fallback` says so and the "
    "sentences are the messages' own.",
    tag="Sessions",
    needs=Grant.WRITE,
    body=JsonBody(Shape(CompressIn), {"tokens_max": 600, "mode": "auto", "user_id": "ann"}),
    query=Shape(NoQuery),
    run=_compress,
    present=alone(summary_out),
    answer=Shape(SummaryOut),
    answer_example=_SUMMARY,
    once=True,
    troubles=(*BODY, NO_USER, NO_SESSION, _SMALL, _BUDGET, _BUSY, ONCE),
)
GET = Operation(
    method="GET",
    path="/v1/sessions/{id}/summary",
    name="getSummary",
    summary="Summarise a session at any budget",
    description="Of all that was said until now: what the stored tree does not cover yet is read from the messages. A session "
    "without messages has no sentences.",
    tag="Sessions",
    needs=Grant.READ,
    body=NoBody(),
    query=Shape(SummaryQuery),
    run=_get,
    present=alone(summary_out),
    answer=Shape(SummaryOut),
    answer_example=_SUMMARY,
    troubles=(NO_USER, NO_SESSION, _SMALL, _BUDGET),
)

OPERATIONS = (COMPRESS, GET)
