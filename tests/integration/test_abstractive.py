"""Abstractive summaries with a real HTTP endpoint that is good, wrong, slow, broke or talks nonsense: every sentence that
is shown stands on what was said, and why it is not the model's is told."""

import json
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from threading import Event

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from core.caller import Caller, Grant
from core.ids import SessionId
from core.limits import Limits
from inference.onnx.embedder import OnnxEmbedder
from inference.openai_text import OpenAiText, TextEndpoint
from inference.spending import Cap, ProcessLedger
from memory.compression.service import Compression
from memory.compression.types import Mode, Summary
from memory.sessions.service import Memory
from memory.types import Said, SessionRequest, Wait
from storage.memory_records import Role
from tests.support.library import Library
from tests.support.talk import language

CHAT = SessionId("chat")
SAID = (
    ("Ida", "I moved to Skagen in March with two dogs."),
    ("Bo", "I did not sell the boat, it lies in the harbour."),
    ("Ida", "I pay 900 euros for the flat."),
)
_NUMBERED = re.compile(r"^(\d+)\. (.*?): (.*)$", re.MULTILINE)


def answer(content: object) -> Response:
    text = content if isinstance(content, str) else json.dumps({"sentences": content})
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    return Response(json.dumps({"choices": [choice], "usage": usage}), content_type="application/json")


def echo(request: Request) -> Response:
    """A model that says every sentence again and cites it."""
    material = json.loads(request.get_data())["messages"][1]["content"]
    return answer([{"text": found[3], "cites": [int(found[1])]} for found in _NUMBERED.finditer(material)])


class Desk:
    """A session, and the model that is asked about it."""

    def __init__(self, library: Library, server: HTTPServer, memory: Memory) -> None:
        self.library = library
        self.server = server
        self.memory = memory
        self._models: list[OpenAiText] = []

    @property
    def caller(self) -> Caller:
        return self.library.caller(grants=(Grant.READ, Grant.WRITE))

    def compression(self, reply: Response | Callable[[Request], Response], **changes: object) -> Compression:
        asked = self.server.expect_request("/v1/chat/completions", method="POST")
        asked.respond_with_handler(reply if callable(reply) and not isinstance(reply, Response) else lambda _: reply)
        endpoint = TextEndpoint(
            url=self.server.url_for("/v1"),
            model="tiny",
            cap=Cap(tokens=100_000),
            response_format="none",
            backoff_s=0.001,
            attempts_max=1,
        )
        endpoint = replace(endpoint, **changes)  # pyright: ignore[reportArgumentType]  # the fields that a test changes
        model = OpenAiText.open(endpoint, ledger=ProcessLedger(), clock=self.library.clock)
        self._models.append(model)
        return Compression(
            db=self.library.db,
            embedder=self.library.embedder,
            words=language(),
            progress=self.library.projector,
            clock=self.library.clock,
            model=model,
        )

    async def asked(self, reply: Response | Callable[[Request], Response], **changes: object) -> Summary:
        return await self.compression(reply, **changes).compress(self.caller, CHAT, 100, Mode.ABSTRACTIVE)

    async def close(self) -> None:
        for model in self._models:
            await model.close()


@pytest.fixture
async def desk(library: Library, embedder: OnnxEmbedder, httpserver: HTTPServer) -> AsyncGenerator[Desk]:
    memory = Memory(
        db=library.db,
        embedder=embedder,
        counter=embedder.tokenizer.load(),
        progress=library.projector,
        limits=Limits(),
        clock=library.clock,
    )
    opened = Desk(library, httpserver, memory)
    await memory.create(opened.caller, SessionRequest(id=CHAT))
    said = [Said(role=Role.USER, id=f"m{place}", speaker=who, content=text) for place, (who, text) in enumerate(SAID)]
    await memory.append(opened.caller, CHAT, said, wait=Wait.STORED)
    yield opened
    await opened.close()


async def test_a_faithful_model_is_shown_with_what_it_cites(desk: Desk) -> None:
    summary = await desk.asked(
        answer([{"text": "Ida moved to Skagen in March and pays 900 euros for the flat.", "cites": [1, 3]}])
    )
    assert (summary.mode, summary.fallback) == (Mode.ABSTRACTIVE, None)
    first, second = summary.sentences
    assert (first.rewritten, [one.message_id for one in first.sources]) == (True, ["m0", "m2"])
    assert (second.rewritten, [one.message_id for one in second.sources]) == (False, ["m1"])
    assert summary.tokens_after <= 100


async def test_invented_numbers_dates_and_names_are_never_shown(desk: Desk) -> None:
    lies = [
        {"text": "Ida moved to Skagen on 3 March 2019 with two dogs.", "cites": [1]},
        {"text": "Bo sold the boat in the harbour.", "cites": [2]},
        {"text": "Ida pays 950 euros for the flat.", "cites": [3]},
    ]
    summary = await desk.asked(answer(lies))
    assert (summary.mode, summary.fallback) == (Mode.EXTRACTIVE, "unfaithful")
    told = " ".join(one.text for one in summary.sentences)
    assert "not sell the boat" in told
    assert not any(lie in told for lie in ("2019", "950", "sold"))


async def test_a_model_that_says_it_again_is_shown_word_for_word(desk: Desk) -> None:
    summary = await desk.asked(echo)
    assert [one.text for one in summary.sentences] == [f"{who}{text[1:]}" for who, text in SAID]


@pytest.mark.parametrize(
    "reply, changes, fallback",
    [
        (answer("I am sorry, as a language model"), {}, "inference.endpoint_answer"),
        (answer([]), {}, "unfaithful"),
        (answer([{"text": "Hello", "cites": [99]}]), {}, "unfaithful"),
        (Response("<html>", status=200), {}, "inference.endpoint_answer"),
        (Response("no", status=500), {}, "inference.endpoint_unavailable"),
        (echo, {"cap": Cap(tokens=100)}, "inference.spend_cap"),
    ],
    ids=["prose", "nothing", "cites nothing", "no json", "broken", "over the cap"],
)
async def test_a_model_that_fails_leaves_the_messages_own_sentences(
    desk: Desk, reply: Response | Callable[[Request], Response], changes: dict[str, object], fallback: str
) -> None:
    summary = await desk.asked(reply, **changes)
    assert (summary.mode, summary.fallback) == (Mode.EXTRACTIVE, fallback)
    assert summary.sentences == (await desk.compression(echo).summary(desk.caller, CHAT, 100)).sentences
    assert len(summary.sentences) == len(SAID)


def material_of(request: Request) -> list[tuple[str, str]]:
    """What a request gives to be said: by number."""
    content = json.loads(request.get_data())["messages"][1]["content"]
    return [(found[1], found[3]) for found in _NUMBERED.finditer(content)]


async def test_a_model_is_given_a_few_sentences_at_a_time_and_room_for_their_numbers_only(desk: Desk) -> None:
    summary = await desk.asked(answer([{"text": "Bo has a boat.", "cites": [2]}]), response_format="json_schema")
    assert summary.fallback == "unfaithful"
    ((request, _),) = desk.server.log
    asked = json.loads(request.get_data())["response_format"]["json_schema"]["schema"]
    cites = asked["properties"]["sentences"]["items"]["properties"]["cites"]
    assert (cites["minItems"], cites["items"]["enum"]) == (1, [1, 2, 3])


async def test_nonsense_about_some_sentences_leaves_the_others_to_the_model(desk: Desk) -> None:
    said = [Said(role=Role.USER, id="m3", speaker="Ida", content="I bought a red lamp for the porch in Aalborg.")]
    await desk.memory.append(desk.caller, CHAT, said, wait=Wait.STORED)

    def reply(request: Request) -> Response:
        given = material_of(request)
        return (
            answer("no") if len(given) > 1 else answer([{"text": "Ida bought a lamp for the porch in Aalborg.", "cites": [1]}])
        )

    summary = await desk.asked(reply)
    assert (summary.mode, summary.fallback) == (Mode.ABSTRACTIVE, "inference.endpoint_answer")
    assert [one.rewritten for one in summary.sentences] == [False, False, False, True]


async def test_a_model_that_is_too_slow_is_not_waited_for(desk: Desk) -> None:
    def late(request: Request) -> Response:
        gate.wait(5)
        return echo(request)

    gate = Event()
    summary = await desk.asked(late, timeout_s=0.1, total_s=0.2)
    gate.set()
    assert summary.fallback == "inference.endpoint_timeout"
    assert len(summary.sentences) == len(SAID)


async def test_a_model_that_failed_again_and_again_is_left_alone(desk: Desk) -> None:
    compression = desk.compression(Response("no", status=500))
    fallbacks = [(await compression.compress(desk.caller, CHAT, 100, Mode.ABSTRACTIVE)).fallback for _ in range(6)]
    assert fallbacks[0] == "inference.endpoint_unavailable"
    assert len(desk.server.log) < len(fallbacks)


async def test_only_who_says_abstractive_asks_the_model(desk: Desk) -> None:
    compression = desk.compression(echo)
    for mode in (Mode.AUTO, Mode.EXTRACTIVE):
        assert (await compression.compress(desk.caller, CHAT, 100, mode)).mode is Mode.EXTRACTIVE
    await compression.summary(desk.caller, CHAT, 100)
    assert desk.server.log == []
