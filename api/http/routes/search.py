"""POST /v1/search."""

from collections.abc import Mapping

from api.http.exchange import Exchange
from api.http.operation import Ask, NoQuery, Operation
from api.http.readers import JsonBody
from api.http.routes.troubles import BODY, NO_INDEX
from api.services import Services
from api.wire.schema import Shape
from api.wire.search import SearchIn, SearchOut, search_out, search_request
from core.caller import Grant
from retrieval.types import SearchResult

_EXAMPLE: Mapping[str, object] = {
    "query": "how many days of leave carry over",
    "indexes": ["handbook"],
    "k": 10,
    "filter": {"all": [{"eq": ["team", "hr"]}, {"range": ["year", {"gte": 2024}]}]},
}
_PASSAGE_EXAMPLE: Mapping[str, object] = {
    "chunk_id": "chk_0000000000401",
    "document_id": "hr/leave.md",
    "index": "handbook",
    "title": "Leave policy",
    "text": "Up to five days of unused leave carry over to the next year.",
    "score": 0.83,
    "rank": 1,
    "source_uri": None,
    "heading_path": ["Leave", "Carry-over"],
    "page": None,
    "span": [120, 870],
    "version": 1,
    "metadata": {"team": "hr", "year": 2026},
    "labels": [],
    "neighbors": {"before": [], "after": []},
    "signals": {"dense": 0.71, "dense_rank": 1, "keyword": 12.3, "keyword_rank": 4, "fused": 0.83, "rerank": None},
}


async def _search(services: Services, ask: Ask[SearchIn, NoQuery]) -> SearchResult:
    result = await services.retrieval.search(ask.caller, search_request(ask.body))
    ask.exchange.timings_ms.update(result.timings_ms)
    return result


def _present(result: SearchResult, exchange: Exchange) -> SearchOut:
    return search_out(result, exchange.request_id)


SEARCH = Operation(
    method="POST",
    path="/v1/search",
    name="search",
    summary="Find passages",
    description="Cited passages by dense and keyword search, fused, limited to what the caller may read. `rerank: on` and a "
    "`diversity` other than 0 are refused in this version; `answerable` and `search_token` are null.",
    tag="Search",
    needs=Grant.READ,
    body=JsonBody(Shape(SearchIn), _EXAMPLE),
    query=Shape(NoQuery),
    run=_search,
    present=_present,
    answer=Shape(SearchOut),
    answer_example={
        "results": [_PASSAGE_EXAMPLE],
        "answerable": None,
        "degraded": [],
        "search_token": None,
        "indexed_offset": 17,
        "timings_ms": {"total": 6.2},
        "request_id": "req_01",
    },
    troubles=(*BODY, NO_INDEX),
)

OPERATIONS = (SEARCH,)
