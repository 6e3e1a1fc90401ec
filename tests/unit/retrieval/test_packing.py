"""The order of packing, what fits, and from which budget on."""

import random

from hypothesis import given
from hypothesis import strategies as st

from retrieval.packing import Entry, order, pack, unbounded
from retrieval.pieces import Quota, Quotas, Section

NO_QUOTAS = Quotas()


def entries(*given: tuple[Section, int]) -> list[Entry]:
    return [Entry(section=section, cost=cost) for section, cost in given]


def sections(chosen: list[Entry], ranking: list[int]) -> list[str]:
    return [chosen[position].section.value[0] for position in ranking]


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Entry], Quotas, int]:
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    made: list[Entry] = []
    for place in range(chance.randrange(1, 30)):
        section = chance.choice(list(Section))
        twins = frozenset(chance.sample(range(30), chance.choice([0, 0, 1]))) - {place}
        heads = ((f"# {section}", 4), (f"{section} {chance.randrange(4)}", chance.randrange(9)))
        made.append(Entry(section=section, cost=chance.randrange(1, 60), heads=heads, covered_by=twins))
    quotas = {
        section: Quota(tokens_min=chance.randrange(80), tokens_max=chance.choice([None, None, 100, 200])) for section in Section
    }
    return made, Quotas(of=quotas), chance.randrange(400)


def test_sections_take_turns_by_their_shares() -> None:
    chosen = entries(*[(section, 10) for section in (Section.DOCUMENTS, Section.MEMORIES, Section.RECENT) for _ in range(8)])
    turns = sections(chosen, order(chosen, NO_QUOTAS))
    assert turns[:3] == ["d", "m", "r"]
    assert [turns[:16].count(letter) for letter in "dmr"] == [6, 6, 4]


def test_what_a_section_leaves_flows_to_the_others() -> None:
    chosen = entries((Section.MEMORIES, 10), *[(Section.DOCUMENTS, 10)] * 9)
    assert pack(chosen, order(chosen, NO_QUOTAS), NO_QUOTAS, 100).used == 100


def test_a_minimum_comes_before_anything_else() -> None:
    chosen = entries(*[(Section.DOCUMENTS, 10)] * 5, *[(Section.RECENT, 10)] * 5)
    quotas = Quotas(of={Section.RECENT: Quota(tokens_min=30)})
    packing = pack(chosen, order(chosen, quotas), quotas, 40)
    assert packing.by_section == {Section.RECENT: 30, Section.DOCUMENTS: 10}


def test_a_maximum_holds_and_the_rest_goes_elsewhere() -> None:
    chosen = entries(*[(Section.DOCUMENTS, 10)] * 9, *[(Section.RECENT, 10)] * 9)
    quotas = Quotas(of={Section.DOCUMENTS: Quota(tokens_max=25)})
    assert pack(chosen, order(chosen, quotas), quotas, 100).by_section == {Section.DOCUMENTS: 20, Section.RECENT: 80}


def test_a_heading_is_paid_once_by_the_first_piece_below_it() -> None:
    chosen = [Entry(section=Section.DOCUMENTS, cost=10, heads=(("a", 5),)) for _ in range(2)]
    assert pack(chosen, [0, 1], NO_QUOTAS, 25).used == 25
    assert pack(chosen, [0, 1], NO_QUOTAS, 24).passed == [1]


def test_a_large_piece_is_passed_over_and_a_smaller_one_comes_in() -> None:
    packing = pack(entries((Section.DOCUMENTS, 50), (Section.DOCUMENTS, 10)), [0, 1], NO_QUOTAS, 20)
    assert (list(packing.reached), packing.passed) == ([1], [0])


def test_a_duplicate_of_something_told_is_named_and_of_something_left_out_is_told() -> None:
    twins = [
        Entry(section=Section.DOCUMENTS, cost=50),
        Entry(section=Section.MEMORIES, cost=10, covered_by=frozenset({0})),
    ]
    assert pack(twins, [0, 1], NO_QUOTAS, 100).told_by == {1: 0}
    assert list(pack(twins, [0, 1], NO_QUOTAS, 20).reached) == [1]


@given(problems())
def test_no_budget_and_no_maximum_is_ever_exceeded(problem: tuple[list[Entry], Quotas, int]) -> None:
    made, quotas, room = problem
    packing = pack(made, order(made, quotas), quotas, room)
    assert packing.used <= room
    assert sum(packing.by_section.values()) == packing.used
    for section, used in packing.by_section.items():
        limit = quotas.quota(section).tokens_max
        assert limit is None or used <= limit
    assert sorted([*packing.reached, *packing.passed, *packing.told_by]) == list(range(len(made)))


@given(problems())
def test_every_piece_is_in_from_its_own_budget_on_and_out_one_token_below(problem: tuple[list[Entry], Quotas, int]) -> None:
    made, quotas, _ = problem
    ranking = order(made, quotas)
    for position, room in unbounded(made, ranking, quotas).reached.items():
        assert all(position in pack(made, ranking, quotas, room + more).reached for more in (0, 1, 37, 1000))
        assert position not in pack(made, ranking, quotas, room - 1).reached
