"""The traps of Tantivy, one by one, and what its writer holds on to."""

from pathlib import Path
from typing import cast

import pytest
from pyroaring import BitMap
from tantivy import Query

from core.filters import Eq, Prefix, Range
from engines.embedded import Tuning
from engines.embedded.keyword import KeywordIndex, Restriction
from tests.support.engines import RANGED, everyone, row, seen_by


def index(folder: Path) -> KeywordIndex:
    return KeywordIndex(folder, language="english", ranged=RANGED, tuning=Tuning())


@pytest.mark.parametrize("key", [1, 2**31, 2**32, 2**53 + 1, 2**62 + 3, 2**63 - 1])
def test_a_key_of_any_size_is_deleted_and_read_back_exactly(tmp_path: Path, key: int) -> None:
    keyword = index(tmp_path)
    view = keyword.stage([row(key, "wing"), row(key - 1 or 9, "wing")], ())
    assert key in [found for _, found in view.search("wing", limit=5, restriction=None)]
    view = keyword.stage([], [key])
    assert [found for _, found in view.search("wing", limit=5, restriction=None)] == [key - 1 or 9]
    assert view.rows == 1


def test_every_field_that_is_written_can_be_searched(tmp_path: Path) -> None:
    keyword = index(tmp_path)
    fields = {"team": "hr", "year": 2024, "published": "2024-05-01", "doc.occurred_at": "2020-01-01"}
    view = keyword.stage([row(1, "wing", fields, acl=["user:ann"]), row(2, "wing")], ())
    conditions = [Eq("team", "hr"), Prefix("team", "h"), Range("year", gte=2024), *(Range(name) for name in RANGED)]
    clauses = [keyword.clauses.restricting(everyone(), condition, lambda _: ["m.team=s:hr"]) for condition in conditions]
    clauses.append(keyword.clauses.restricting(seen_by("user:ann"), Eq("team", "hr"), lambda _: []))
    for clause in clauses:
        narrow = Restriction(admitted=BitMap(), share=0.0, slot_of={}, clause=lambda clause=clause: clause)
        assert [key for _, key in view.search("wing", limit=5, restriction=narrow)] == [1], clause


def test_a_restriction_does_not_score(tmp_path: Path) -> None:
    view = index(tmp_path).stage([row(1, "wing flow"), row(2, "wing drag")], ())
    plain = dict(view.search("wing flow", limit=5, restriction=None))
    every = Restriction(admitted=BitMap([0, 1]), share=0.0, slot_of={1: 0, 2: 1}, clause=Query.all_query)
    assert dict(view.search("wing flow", limit=5, restriction=every)) == plain


@pytest.mark.parametrize("text", ['wing AND "flow', "text:wing", "wing*", "+wing -flow", "(", "key:[1 TO *]", "wing~2"])
def test_what_users_write_is_never_query_syntax(tmp_path: Path, text: str) -> None:
    view = index(tmp_path).stage([row(1, "wing flow"), row(2, "drag")], ())
    assert [key for _, key in view.search(text, limit=5, restriction=None)] == ([1] if "wing" in text else [])


def test_a_view_does_not_change_under_a_search(tmp_path: Path) -> None:
    keyword = index(tmp_path)
    before = keyword.stage([row(1, "wing")], ())
    after = keyword.stage([row(2, "wing")], [1])
    assert [key for _, key in before.search("wing", limit=5, restriction=None)] == [1]
    assert [key for _, key in after.search("wing", limit=5, restriction=None)] == [2]


def test_a_batch_that_failed_does_not_come_along_with_the_next(tmp_path: Path) -> None:
    keyword = index(tmp_path)
    keyword.stage([row(1, "wing")], ())
    no_key = cast("int", object())  # refused after the first delete was taken
    with pytest.raises(ValueError, match="object"):
        keyword.stage([row(2, "wing")], [1, no_key])
    view = keyword.stage([row(3, "wing")], ())
    assert [key for _, key in view.search("wing", limit=5, restriction=None)] == [1, 3]


def test_the_writer_is_closed_when_it_was_idle_and_opens_again(tmp_path: Path) -> None:
    keyword = index(tmp_path)
    keyword.stage([row(1, "wing")], ())
    keyword.rest(idle_s=60)
    assert keyword.writer_bytes > 0
    keyword.rest()
    assert keyword.writer_bytes == 0
    assert keyword.stage([row(2, "wing")], ()).rows == 2


def test_a_batch_is_one_commit(tmp_path: Path) -> None:
    keyword = index(tmp_path)
    keyword.stage([row(key, "wing") for key in range(1, 501)], range(1, 501))
    assert len(list(tmp_path.glob("*.idx"))) == 1


def test_small_segments_are_merged_and_their_files_removed(tmp_path: Path) -> None:
    keyword = index(tmp_path)
    for key in range(1, 26):
        keyword.stage([row(key, "wing")], ())
    keyword.rest()
    assert keyword.view().rows == 25
    assert len({path.stem for path in tmp_path.glob("*.idx")}) < 12


def test_replaced_rows_do_not_weigh_on_the_scores_of_the_rest(tmp_path: Path) -> None:
    texts = {key: f"wing {'flow' if key % 3 else 'drag'} {'rig ' * (key % 5)}" for key in range(1, 60)}
    churned, fresh = index(tmp_path / "churned"), index(tmp_path / "fresh")
    churned.stage([row(key, "drag drag drag") for key in range(1, 200)], ())
    view = churned.stage([row(key, text) for key, text in texts.items()], range(1, 200))
    expected = fresh.stage([row(key, text) for key, text in texts.items()], ())
    for query in ("drag", "flow rig", "wing drag rig"):
        scores = [{key: score for score, key in each.search(query, limit=80, restriction=None)} for each in (view, expected)]
        assert scores[0].keys() == scores[1].keys()
        for key, score in scores[0].items():
            assert score == pytest.approx(scores[1][key], rel=0.1)
