"""The text model against a real HTTP server that misbehaves in every way we know of: no nonsense gets through, nothing is sent
beyond the cap, and a broken endpoint is left alone."""

import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs
from werkzeug import Request, Response

from core.clock import VirtualClock
from core.errors import Corrupt, Fault, Limited, TimedOut, Unavailable
from inference.openai_text import OpenAiText, TextEndpoint
from inference.port import Prompt
from inference.spending import Cap, Price, ProcessLedger, Spent

KEY = "sk-very-secret"
PROMPT = Prompt(instruction="Name the town.", material="We moved to Skagen.", tokens_out_max=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  # pydantic reads it by this name

    town: str


Answer = Response | Callable[[Request], Response]


def said(content: object, **more: object) -> Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **more}
    usage = {"prompt_tokens": 30, "completion_tokens": 6, "total_tokens": 36}
    return Response(json.dumps({"choices": [choice], "usage": usage}), content_type="application/json")


SKAGEN = said('{"town": "Skagen"}')


class Script:
    """Answers in turn, the last one for ever, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(json.loads(request.get_data()))
        self.keys.append(request.headers.get("Authorization"))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer if isinstance(answer, Response) else answer(request)


class Rig:
    """One model, its clock, its ledger and what the endpoint was asked."""

    def __init__(self, server: HTTPServer, script: Script, changes: dict[str, object]) -> None:
        server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(script)
        endpoint = TextEndpoint(
            url=server.url_for("/v1"), model="tiny", cap=Cap(tokens=100_000), key=KEY, backoff_s=0.001, total_s=5.0
        )
        self.clock, self.ledger, self.script = VirtualClock(), ProcessLedger(), script
        endpoint = cast("TextEndpoint", cast("Any", replace)(endpoint, **changes))
        self.model = OpenAiText.open(endpoint, ledger=self.ledger, clock=self.clock)

    async def spent(self) -> Spent:
        return await self.ledger.spent(self.clock.now().date())

    async def fault(self, prompt: Prompt = PROMPT, within_s: float | None = None) -> Fault:
        with capture_logs() as logs, pytest.raises(Fault) as raised:
            await self.model.complete(prompt, Town, within_s=within_s)
        for told in (str(raised.value), repr(raised.value), str(logs)):
            assert KEY not in told
            assert "Skagen" not in told
        return raised.value


Make = Callable[..., Rig]


@pytest.fixture
async def make(httpserver: HTTPServer) -> AsyncIterator[Make]:
    rigs: list[Rig] = []

    def rig(*answers: Answer, **changes: object) -> Rig:
        rigs.append(Rig(httpserver, Script(*answers), changes))
        return rigs[-1]

    yield rig
    for one in rigs:
        await one.model.close()


async def test_a_prompt_becomes_a_checked_value_with_its_cost(make: Make) -> None:
    rig = make(SKAGEN, price=Price(usd_per_million_in=1.0, usd_per_million_out=10.0))
    completion = await rig.model.complete(PROMPT, Town)
    assert completion.answer == Town(town="Skagen")
    assert (completion.tokens_in, completion.tokens_out) == (30, 6)
    assert completion.usd == pytest.approx(90e-6)
    assert (await rig.spent()).tokens == 36
    assert (await rig.spent()).usd == pytest.approx(90e-6)


async def test_the_request_separates_instruction_from_material_and_bounds_the_answer(make: Make) -> None:
    rig = make(SKAGEN)
    await rig.model.complete(PROMPT, Town)
    system, user = rig.script.requests[0]["messages"]
    assert system["role"] == "system"
    assert system["content"].startswith("Name the town.")
    assert (user["role"], user["content"]) == ("user", "We moved to Skagen.")
    assert (rig.script.requests[0]["max_tokens"], rig.script.requests[0]["temperature"]) == (50, 0)
    assert rig.script.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "kind, expected",
    [("json_schema", {"type", "json_schema"}), ("json_object", {"type", "schema"}), ("none", None)],
)
async def test_json_is_asked_for_as_the_endpoint_understands_it(make: Make, kind: str, expected: set[str] | None) -> None:
    rig = make(SKAGEN, response_format=kind)
    await rig.model.complete(PROMPT, Town)
    asked = rig.script.requests[0].get("response_format")
    assert (set(asked) if asked else None) == expected
    assert '"town"' in rig.script.requests[0]["messages"][0]["content"]


def knows(*forms: str | None, refusal: int = 400) -> Callable[[Request], Response]:
    """An endpoint that refuses every other form of asking for JSON."""

    def answer(request: Request) -> Response:
        asked = json.loads(request.get_data()).get("response_format", {}).get("type")
        return SKAGEN if asked in forms else Response(status=refusal)

    return answer


@pytest.mark.parametrize("refusal, asked_once", [(400, 1), (422, 1), (500, 3)])
@pytest.mark.parametrize("form, refused", [("json_schema", 0), ("json_object", 1), (None, 2)])
async def test_how_to_ask_for_json_is_found_out_once(
    make: Make, form: str | None, refused: int, *, refusal: int, asked_once: int
) -> None:
    rig = make(knows(form, refusal=refusal))
    assert (await rig.model.complete(PROMPT, Town)).answer.town == "Skagen"
    assert len(rig.script.requests) == refused * asked_once + 1
    await rig.model.complete(PROMPT, Town)
    assert len(rig.script.requests) == refused * asked_once + 2
    assert (await rig.spent()).tokens == 72


@pytest.mark.parametrize("status", [401, 404, 429, 503])
async def test_a_refusal_that_is_not_of_the_form_asks_in_no_other(make: Make, status: int) -> None:
    rig = make(knows("json_object", refusal=status), attempts_max=1)
    assert f"answered {status}" in (await rig.fault()).message
    assert len(rig.script.requests) == 1


async def test_an_endpoint_that_is_down_for_a_while_teaches_nothing_about_forms(make: Make) -> None:
    rig = make(Response(status=500), Response(status=500), Response(status=500), SKAGEN, attempts_max=1)
    assert "answered 500" in (await rig.fault()).message
    await rig.model.complete(PROMPT, Town)
    assert rig.script.requests[-1]["response_format"]["type"] == "json_schema"


async def test_a_fence_around_the_json_is_taken_off(make: Make) -> None:
    rig = make(said('```json\n{"town": "Skagen"}\n```'))
    assert (await rig.model.complete(PROMPT, Town)).answer.town == "Skagen"


@pytest.mark.parametrize(
    "answer, complaint",
    [
        (said("It is Skagen, I believe."), "json_invalid"),
        (said('{"town": 4}'), "string_type"),
        (said('{"town": "Skagen", "sure": true}'), "unexpected_keyword_argument"),
        (said("{}"), "missing"),
        (said('{"town": "Ska', finish_reason="length"), "limit of its answer's length"),
        (said(None), "without text"),
        (said(["Skagen"]), "without text"),
        (Response('{"choices": []}'), "no chat completion"),
        (Response('{"choices": [{"message": "Skagen"}]}'), "no chat completion"),
        (Response('["Skagen"]'), "no chat completion"),
        (Response("<html>Skagen"), "no chat completion"),
        (Response("[" * 100_000), "no chat completion"),
    ],
)
async def test_nonsense_is_corrupt_and_its_text_gets_nowhere(make: Make, answer: Response, complaint: str) -> None:
    fault = await make(answer).fault()
    assert (type(fault), fault.code) == (Corrupt, "inference.endpoint_answer")
    assert complaint in fault.message


async def test_a_passing_failure_is_tried_again_within_the_budget_of_three(make: Make) -> None:
    rig = make(Response(status=500), Response(status=503), SKAGEN)
    assert (await rig.model.complete(PROMPT, Town)).answer.town == "Skagen"
    assert len(rig.script.requests) == 3


async def test_an_endpoint_that_stays_down_is_given_up_after_three_and_costs_nothing(make: Make) -> None:
    rig = make(Response(status=500), response_format="json_schema")
    fault = await rig.fault()
    assert (isinstance(fault, Unavailable), fault.code) == (True, "inference.endpoint_unavailable")
    assert len(rig.script.requests) == 3
    assert await rig.spent() == Spent()


async def test_an_endpoint_too_slow_is_timed_out_within_the_callers_limit_and_charged(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        rig = make(SKAGEN, url=url, timeout_s=30.0, total_s=60.0)
        fault = await rig.fault(within_s=0.1)
    assert (type(fault), fault.code) == (TimedOut, "inference.endpoint_timeout")
    assert "0.1 s in all" in fault.message
    assert (await rig.spent()).tokens > PROMPT.tokens_out_max


async def test_a_redirect_is_not_followed_so_nothing_goes_to_another_address(make: Make, httpserver: HTTPServer) -> None:
    elsewhere = Script(SKAGEN)
    httpserver.expect_request("/elsewhere").respond_with_handler(elsewhere)
    rig = make(Response(status=307, headers={"Location": httpserver.url_for("/elsewhere")}))
    assert "answered 307" in (await rig.fault()).message
    assert elsewhere.requests == []


async def test_a_prompt_that_might_pass_the_tokens_of_the_day_is_not_sent(make: Make) -> None:
    rig = make(SKAGEN, cap=Cap(tokens=200))
    fault = await rig.fault()
    assert (type(fault), fault.code) == (Limited, "inference.spend_cap")
    assert "cap of 200 tokens" in fault.message
    assert rig.script.requests == []


async def test_a_prompt_that_might_pass_the_money_of_the_day_is_not_sent(make: Make) -> None:
    rig = make(SKAGEN, cap=Cap(tokens=100_000, usd=0.0001), price=Price(usd_per_million_out=1000.0))
    assert (await rig.fault()).code == "inference.spend_cap"
    assert rig.script.requests == []


async def test_an_answer_that_cost_more_than_the_cap_is_the_last_of_the_day(make: Make) -> None:
    def greedy(_: Request) -> Response:
        body = json.loads(SKAGEN.get_data())
        body["usage"]["completion_tokens"] = 200_000
        return Response(json.dumps(body))

    rig = make(greedy, SKAGEN)
    assert (await rig.model.complete(PROMPT, Town)).tokens_out == 200_000
    assert (await rig.fault()).code == "inference.spend_cap"
    rig.clock.advance(24 * 3600)
    assert (await rig.model.complete(PROMPT, Town)).answer.town == "Skagen"


async def test_five_failures_in_a_row_open_the_breaker_for_a_minute_and_one_success_closes_it(make: Make) -> None:
    rig = make(said("nonsense"))
    for _ in range(5):
        assert (await rig.fault()).code == "inference.endpoint_answer"
    assert (await rig.fault()).code == "inference.breaker_open"
    assert len(rig.script.requests) == 5
    rig.clock.advance(60)
    assert (await rig.fault()).code == "inference.endpoint_answer"
    assert (await rig.fault()).code == "inference.breaker_open"
    assert len(rig.script.requests) == 6


async def test_the_attempt_after_the_minute_closes_the_breaker_when_it_succeeds(make: Make) -> None:
    rig = make(*[said("nonsense")] * 5, SKAGEN)
    for _ in range(5):
        await rig.fault()
    rig.clock.advance(60)
    assert (await rig.model.complete(PROMPT, Town)).answer.town == "Skagen"
    assert (await rig.model.complete(PROMPT, Town)).answer.town == "Skagen"


async def test_the_cap_does_not_open_the_breaker(make: Make) -> None:
    rig = make(SKAGEN, cap=Cap(tokens=2_000))
    for _ in range(9):
        assert (await rig.fault(replace(PROMPT, tokens_out_max=5_000))).code == "inference.spend_cap"
    assert (await rig.model.complete(PROMPT, Town)).answer.town == "Skagen"
