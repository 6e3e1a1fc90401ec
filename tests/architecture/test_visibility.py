"""Who may look past access lists without a caller: every use of `Visibility.system`, by name and with its reason."""

from tests.support.tree import ROOMS, dotted, sources

# file -> why it may. This list only shrinks; a new line needs a reviewer who agrees.
USES: dict[str, str] = {}


def test_visibility_past_access_lists_is_made_only_where_the_list_says_why() -> None:
    found = {
        source.path for source in sources(*ROOMS) for call in source.calls if dotted(call.func).endswith("Visibility.system")
    }
    assert found == set(USES)


def test_visibility_is_constructed_only_by_the_caller_module() -> None:
    found = {source.path for source in sources(*ROOMS) for call in source.calls if dotted(call.func).endswith("Visibility")}
    assert found <= {"core/caller.py"}
