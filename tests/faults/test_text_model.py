"""Abstractive summaries by a real small model behind a real server, through the whole service. It invents: nothing of that is
shown. What it says rightly is. It is paused and killed: the messages' own sentences come, and why."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.rig import Json, pages
from tests.faults.text_server import MODEL, TextServer, text_server
from tests.support.service import Service, made, started

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

TALKS = (
    (
        ("Ida", "We moved from Aarhus to Skagen on 14 March 2024 with our two dogs."),
        ("Bo", "How much do you pay there?"),
        ("Ida", "The flat costs 900 euros a month, and the harbour is 300 metres away."),
        ("Bo", "I did not sell the boat, it lies in Frederikshavn until September."),
        ("Ida", "Then let us sail to Læsø on 6 July, if the wind is below 8 metres a second."),
        ("Bo", "I never sail on a Friday, so let it be Saturday the 7th."),
        ("Ida", "Fine. My brother Mads will not come, he broke his arm in April."),
    ),
    (
        ("Rosa", "The audit of the Lisbon office starts on 3 February and takes 12 days."),
        ("Theo", "I have 17 invoices left from 2023, none of them signed."),
        ("Rosa", "Send them to Marguerite, not to the bank."),
        ("Theo", "The budget is 48,500 euros, we have spent 31,250 of it."),
        ("Rosa", "Nobody may travel before the 20th without my approval."),
        ("Theo", "I prefer the morning train, it leaves Coimbra at 6:45."),
    ),
    (
        ("Mara", "I teach chemistry at the Lindhof school since 2019."),
        ("Jon", "My sister Petra opened a bakery in Graz last spring."),
        ("Mara", "The exam has 24 questions and takes 90 minutes."),
        ("Jon", "I can't eat nuts, so please order the plain cake."),
        ("Mara", "We decided to move the party to 12 October."),
        ("Jon", "The hall costs 340 euros for the evening."),
        ("Mara", "My phone number changed, the old one does not work."),
        ("Jon", "I prefer tea to coffee in the morning."),
        ("Mara", "Our train to Vienna leaves at 8:15 from platform 4."),
        ("Jon", "I bought three tickets for the concert on Sunday."),
    ),
)
BUDGETS = (60, 120, 240)
_DIGITS = re.compile(r"\d+")
_WORDS = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight"}


def settings(url: str, **more: str) -> dict[str, str]:
    named = {"KIND": "openai", "URL": url, "MODEL": MODEL, "TIMEOUT_S": "50", "TOTAL_S": "50"}
    return {f"MNEMIC_TEXT_MODEL__{name}": value for name, value in (named | more).items()}


@contextmanager
def asked(folder: Path, models: Path, **more: str) -> Generator[tuple[TextServer, Service, httpx.Client]]:
    """The model, the service that asks it, and a client of the service."""
    with (
        text_server(folder) as model,
        started(folder, models, **settings(model.url, **more)) as service,
        service.client() as http,
    ):
        yield model, service, http


def remember(http: httpx.Client) -> dict[str, dict[str, str]]:
    """Both talks, each a session; the text of each message by session and id."""
    for number, said in enumerate(TALKS):
        made(http.post("/v1/sessions", json={"id": f"talk-{number}", "user_id": "ida"}), 201)
        messages = [{"role": "user", "speaker": who, "content": text} for who, text in said]
        made(http.post(f"/v1/sessions/talk-{number}/messages", json={"user_id": "ida", "messages": messages}))
    names = [f"talk-{number}" for number in range(len(TALKS))]
    return {
        name: {one["id"]: one["content"] for one in pages(http, f"/v1/sessions/{name}/messages", user_id="ida")}
        for name in names
    }


def compressed(http: httpx.Client, session: str, tokens_max: int = 120) -> Json:
    body = {"user_id": "ida", "tokens_max": tokens_max, "mode": "abstractive"}
    return made(http.post(f"/v1/sessions/{session}:compress", json=body, headers={"X-Mnemic-Timeout-Ms": "60000"}, timeout=70))


def unsupported(sentence: Json, said: dict[str, str]) -> list[str]:
    """Numbers in digits that none of the sentence's sources has, told without the gate's own reading."""
    assert sentence["sources"], sentence
    sources = " ".join(said[one["message_id"]][slice(*one["span"])] for one in sentence["sources"])
    return [
        number
        for number in _DIGITS.findall(sentence["text"])
        if number not in _DIGITS.findall(sources) and (number not in _WORDS or _WORDS[number] not in sources)
    ]


def rewritings(service: Service) -> list[Json]:
    """What the log tells of each answer of the model: how many sentences it wrote, how many stood, the flaws of the rest."""
    log = service.log_with("summary_rewritten").splitlines()
    return [json.loads(line) for line in log if "summary_rewritten" in line]


def test_of_what_a_real_model_writes_the_true_is_shown_and_nothing_that_it_invents(tmp_path: Path, converted: Path) -> None:
    with asked(tmp_path, converted) as (_, service, http):
        said = remember(http)
        summaries = [(name, compressed(http, name, budget)) for name in said for budget in BUDGETS]
        for name, summary in summaries:
            print(summary["mode"], summary["fallback"], [one["text"] for one in summary["sentences"] if one["rewritten"]])
            assert summary["sentences"]
            assert [one for sentence in summary["sentences"] for one in unsupported(sentence, said[name])] == []
            assert summary["mode"] == "abstractive" or summary["fallback"], "the model's words are missing, and not why"
        told = rewritings(service)
    print(*told, sep="\n")
    assert sum(len(one["flaws"]) for one in told) > 0, "the model invented nothing: the ring proves nothing"
    assert sum(one["stood"] for one in told) > 0, "not a sentence of the model stood"


def test_a_model_that_hangs_or_is_gone_is_not_waited_for(tmp_path: Path, converted: Path) -> None:
    """Five failures in a row, then the breaker spares the sixth its second."""
    with asked(tmp_path, converted, TIMEOUT_S="1", TOTAL_S="1") as (model, _, http):
        said = remember(http)
        model.pause()
        paused = [compressed(http, "talk-0") for _ in range(3)]
        model.kill()
        gone = [compressed(http, "talk-0") for _ in range(3)]
    own = [one["text"] for one in paused[0]["sentences"]]
    assert own
    assert all([one["text"] for one in summary["sentences"]] == own for summary in (*paused, *gone))
    assert not any(unsupported(one, said["talk-0"]) for one in paused[0]["sentences"])
    assert {one["fallback"] for one in paused} == {"inference.endpoint_timeout"}
    assert [one["fallback"] for one in gone] == [*["inference.endpoint_unavailable"] * 2, "inference.breaker_open"]


@pytest.mark.parametrize(
    "more, fallbacks",
    [
        ({"TOKENS_PER_DAY_MAX": "500"}, {"inference.spend_cap"}),
        ({"RESPONSE_FORMAT": "json_schema"}, {"inference.endpoint_unavailable"}),
        ({"RESPONSE_FORMAT": "none"}, {"inference.endpoint_answer", "unfaithful", "unchanged"}),
    ],
    ids=["over the cap", "a form that it does not know", "prose where JSON was asked for"],
)
def test_what_a_real_model_cannot_do_is_said(
    tmp_path: Path, converted: Path, more: dict[str, str], fallbacks: set[str]
) -> None:
    with asked(tmp_path, converted, **more) as (_, _, http):
        said = remember(http)
        summary = compressed(http, "talk-1", 60)
    assert summary["fallback"] in fallbacks
    assert [one for sentence in summary["sentences"] for one in unsupported(sentence, said["talk-1"])] == []
