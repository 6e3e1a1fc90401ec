"""What recall tells of a fact besides what holds: what it took the place of, and in which session it was said."""

from typing import Any

import httpx

from tests.support.service import made


def written(operator: httpx.Client, user: str, value: str, day: int, **more: object) -> dict[str, Any]:
    body = {"entity": "Ann", "attribute": "home", "value": value, "user_id": user, "valid_from": f"2026-05-{day:02}T09:00:00Z"}
    return made(operator.post("/v1/memories", json={**body, **more}))


def recalled(operator: httpx.Client, user: str, query: str, **asked: object) -> list[dict[str, Any]]:
    return made(operator.post("/v1/memories:search", json={"query": query, "user_id": user, **asked}))["results"]


def said(operator: httpx.Client, user: str, session: str, content: str) -> int:
    made(operator.post("/v1/sessions", json={"id": session, "user_id": user}), 201)
    message = {"role": "user", "content": content, "occurred_at": "2026-05-01T09:00:00Z"}
    body = {"user_id": user, "messages": [message], "wait": "indexed"}
    return int(made(operator.post(f"/v1/sessions/{session}/messages", json=body))["offset"])


def test_a_fact_that_holds_now_tells_what_it_took_the_place_of(operator: httpx.Client, user: str) -> None:
    for day, value in ((1, "Oslo"), (5, "Rome"), (9, "Leeds")):
        last = written(operator, user, value, day)
    (found,) = recalled(operator, user, "Where does Ann live now?", types=["fact"], min_offset=last["offset"])
    assert "Leeds" in found["text"]
    assert [one["text"] for one in found["history"]] == ["Ann's home is Rome.", "Ann's home is Oslo."]
    assert [one["valid_to"] for one in found["history"]] == ["2026-05-09T09:00:00Z", "2026-05-05T09:00:00Z"]


def test_of_an_earlier_moment_no_history_is_told(operator: httpx.Client, user: str) -> None:
    written(operator, user, "Oslo", 1)
    last = written(operator, user, "Rome", 5)
    asked = {"types": ["fact"], "min_offset": last["offset"], "time": {"as_of": "2026-05-03T00:00:00Z"}}
    (found,) = recalled(operator, user, "Where does Ann live?", **asked)
    assert (found["text"], found["history"]) == ("Ann's home is Oslo.", [])


def test_a_session_has_the_facts_that_were_said_in_it_and_no_others(operator: httpx.Client, user: str) -> None:
    said(operator, user, "one", "I love jazz.")
    offset = said(operator, user, "two", "I love opera.")
    found = recalled(operator, user, "music", types=["fact"], session_id="one", min_offset=offset)
    assert ["jazz" in one["text"] for one in found] == [True]
    own = written(operator, user, "Leeds", 9, session_id="two")
    asked = {"types": ["fact"], "session_id": "two", "min_offset": own["offset"]}
    assert {one["id"] for one in recalled(operator, user, "home or music", **asked)} > {own["id"]}
