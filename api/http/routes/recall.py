"""POST /v1/memories:search."""

from collections.abc import Mapping

from api.http.exchange import Exchange
from api.http.operation import Ask, NoQuery, Operation, Trouble
from api.http.readers import JsonBody
from api.http.routes.sessions import NO_SESSION, NO_USER
from api.http.routes.troubles import BODY
from api.services import Services
from api.wire.recall import RecallIn, RecallOut, recall_out, recall_request
from api.wire.schema import Shape
from core.caller import Grant
from core.errors import Invalid
from memory.recall.types import Recalled

_QUESTION: Mapping[str, object] = {
    "query": "Where does Ann live now?",
    "user_id": "ann",
    "k": 5,
    "time": {"as_of": "2026-06-01T00:00:00Z"},
    "include": ["neighbors"],
}
_MEMORY: Mapping[str, object] = {
    "id": "msg_0000000000001",
    "type": "message",
    "text": "I moved to Leeds last Friday.",
    "role": "user",
    "speaker": "Ann",
    "session_id": "chat-17",
    "agent_id": "helpdesk",
    "message_id": "m1",
    "span": [0, 29],
    "occurred_at": "2026-05-01T09:00:00Z",
    "occurred_kind": "given",
    "recorded_at": "2026-05-01T09:00:01Z",
    "valid_from": None,
    "valid_to": None,
    "status": "active",
    "superseded_by": None,
    "version": None,
    "trust": 3,
    "labels": [],
    "history": [],
    "sources": [{"type": "message", "id": "m1", "session_id": "chat-17", "span": [0, 29]}],
    "score": 1.12,
    "rank": 1,
    "signals": {
        "dense": 0.58,
        "dense_rank": 1,
        "keyword": 4.1,
        "keyword_rank": 2,
        "fused": 0.97,
        "neighbors": 0.05,
        "speaker": 0.1,
        "period": 0.0,
        "recency": 0.0,
    },
    "neighbors": {"before": [], "after": []},
}
_PERIOD = Trouble(
    kind=Invalid,
    code="memory.empty_period",
    detail="time runs from 2026-05-02T00:00:00+00:00 to 2026-05-01T00:00:00+00:00, and nothing lies between.",
)


async def _search(services: Services, ask: Ask[RecallIn, NoQuery]) -> Recalled:
    caller = ask.caller.acting_for(ask.body.user_id)
    answer = await services.remembering.recall.search(caller, recall_request(ask.body))
    ask.exchange.timings_ms.update(answer.timings_ms)
    return answer


def _present(answer: Recalled, exchange: Exchange) -> RecallOut:
    return recall_out(answer, exchange.request_id)


SEARCH = Operation(
    method="POST",
    path="/v1/memories:search",
    name="searchMemories",
    summary="Recall what a user's memory has on a question",
    description="Messages, facts and summaries of one user, by dense and keyword search, fused, with what is said around "
    "a hit. Every result tells its signals, its sources and its times. `rerank: on` is refused in this version.",
    tag="Memory",
    needs=Grant.READ,
    body=JsonBody(Shape(RecallIn), _QUESTION),
    query=Shape(NoQuery),
    run=_search,
    present=_present,
    answer=Shape(RecallOut),
    answer_example={
        "results": [_MEMORY],
        "answerable": 0.71,
        "degraded": [],
        "indexed_offset": 17,
        "timings_ms": {"total": 9.8},
        "request_id": "req_01",
    },
    troubles=(*BODY, NO_USER, NO_SESSION, _PERIOD),
)
OPERATIONS = (SEARCH,)
