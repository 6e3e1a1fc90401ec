"""What an index profile may say, and how a wrong one is told."""

from collections.abc import Mapping

import pytest

from core.errors import Invalid
from core.filters import RangeKind
from core.profile import Fusion, IndexProfile
from indexing.profiles import ProfileRules

RULES = ProfileRules(
    embedder="minilm", languages=frozenset({"english", "german"}), tokens_max=256, default=IndexProfile(chunk_tokens=200)
)


def fields(number: int) -> Mapping[str, RangeKind]:
    return {f"f{place}": "number" for place in range(number)}


@pytest.mark.parametrize(
    "profile",
    [
        IndexProfile(),
        IndexProfile(embedder="minilm"),
        IndexProfile(chunk_tokens=32, chunk_overlap=16),
        IndexProfile(chunk_tokens=256, chunk_overlap=0),
        IndexProfile(language="german", range_fields=fields(16)),
        IndexProfile(fusion=Fusion(dense_weight=0.0)),
        IndexProfile(fusion=Fusion(dense_weight=1.0)),
    ],
)
def test_what_is_within_its_bounds_is_taken(profile: IndexProfile) -> None:
    RULES.check(profile)


@pytest.mark.parametrize(
    "profile, said",
    [
        (IndexProfile(embedder="other"), "'other' is not configured here; this service runs 'minilm'"),
        (IndexProfile(chunk_tokens=31, chunk_overlap=0), "chunk_tokens is 31; the embedder takes 32 to 256"),
        (IndexProfile(chunk_tokens=257), "chunk_tokens is 257"),
        (IndexProfile(chunk_tokens=100, chunk_overlap=51), r"chunk_overlap is 51; it must be 0 to half of chunk_tokens \(50\)"),
        (IndexProfile(chunk_overlap=-1), "chunk_overlap is -1"),
        (IndexProfile(language="klingon"), "'klingon' is not known; known are english, german"),
        (IndexProfile(range_fields=fields(17)), "range_fields has 17 fields; the limit is 16"),
        (IndexProfile(range_fields={"doc.occurred_at": "time"}), "'doc.occurred_at', which is no metadata field"),
        (IndexProfile(range_fields={"a b": "number"}), "'a b', which is no metadata field"),
        (IndexProfile(fusion=Fusion(dense_weight=1.01)), "dense_weight is 1.01; it must be 0 to 1"),
        (IndexProfile(fusion=Fusion(dense_weight=float("nan"))), "dense_weight is nan"),
    ],
)
def test_what_is_not_is_refused_by_field_value_and_bound(profile: IndexProfile, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        RULES.check(profile)
    assert refused.value.code == "indexing.invalid_profile"
