"""STYLE.md as a test: its table of limits, and those of its rules that can be read off the syntax. No import directions."""

import ast
import re
import statistics
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.support.tree import AROUND, ROOMS, Function, Source, dotted, sources

# The first test reads and parses the whole tree.
pytestmark = pytest.mark.timeout(60)

FUNCTION_LINES_MAX = 60
FUNCTION_LINES_MEDIAN = 8
FUNCTION_LINES_P90 = 28
FILE_LINES_MAX = 500
FILE_LINES_MEDIAN = 140
FILE_LINES_P90 = 350
POSITIONALS_MAX = 4

# Where everything may be caught, how often, and why. This list only shrinks.
BROAD_EXCEPTS: dict[str, tuple[int, str]] = {
    "api/http/exchange.py": (1, "the outermost boundary of HTTP: the client gets an answer, the log gets the failure"),
    "api/worker.py": (1, "the boundary of the background loops: one that failed is logged and begins again"),
    "indexing/parsing/worker.py": (1, "the boundary of the parser process: hostile bytes make libraries raise anything"),
    "indexing/pipeline.py": (1, "the worker loop: a defect met by one item must not end the service"),
    "inference/onnx/tokenizer.py": (1, "the Rust library raises bare Exception for a file that it cannot use"),
}

MEANINGLESS = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "processor", "base"})
MEANINGLESS_CLASS = re.compile(r"(Utils?|Helpers?|Misc|Manager|Processor)$")
EXCUSE = re.compile(
    r"(?P<what>type: ignore|pyright: ignore|noqa)(?P<rule>\[[\w, -]+\]|: ?[A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*)?(?P<rest>.*)"
)
REASON_CHARACTERS_MIN = 6


def every_source() -> Sequence[Source]:
    return sources(*ROOMS, *AROUND)


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def percentile(values: Sequence[int], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = [
        f"{source.path}:{function.lineno} {function.name} has {length(function)} lines"
        for source in every_source()
        for function in source.functions
        if length(function) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_functions_are_as_short_as_style_asks() -> None:
    lengths = [length(function) for source in sources(*ROOMS) for function in source.functions]
    assert statistics.median(lengths) <= FUNCTION_LINES_MEDIAN
    assert percentile(lengths, 90) <= FUNCTION_LINES_P90


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    assert [f"{source.path} has {source.lines} lines" for source in every_source() if source.lines > FILE_LINES_MAX] == []


def test_files_are_as_short_as_style_asks() -> None:
    lengths = [source.lines for source in sources(*ROOMS) if source.lines]
    assert statistics.median(lengths) <= FILE_LINES_MEDIAN
    assert percentile(lengths, 90) <= FILE_LINES_P90


def test_no_function_takes_more_than_four_positionals() -> None:
    many = [
        f"{source.path}:{function.lineno} {function.name} takes {len(named)} positionals: make the rest keyword-only"
        for source in every_source()
        for function in source.functions
        if len(named := positionals(function)) > POSITIONALS_MAX and not pytest_calls(function)
    ]
    assert many == []


def test_everything_is_caught_only_where_the_list_says_why() -> None:
    found = Counter(source.path for source in sources(*ROOMS) for node in source.nodes if catches_all(node))
    assert dict(found) == {path: count for path, (count, _) in BROAD_EXCEPTS.items()}


def test_only_settings_reads_the_environment() -> None:
    names = {"os.environ", "os.environb", "os.getenv"}
    found = {
        source.path
        for source in sources(*ROOMS)
        for node in source.nodes
        if (isinstance(node, ast.Attribute) and dotted(node) in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & {a.name for a in node.names})
    }
    assert found == {"api/settings.py"}


def test_no_test_patches_our_own_modules() -> None:
    found = [
        f"{source.path}:{call.lineno} patches {target}: inject it instead"
        for source in sources("tests", "evals", "benchmarks")
        for call in source.calls
        if (target := patched(call, source)).split(".")[0] in ROOMS
    ]
    assert found == []


def test_no_test_uses_mocks() -> None:
    found = [
        source.path
        for source in sources("tests", "evals", "benchmarks")
        for node in source.nodes
        if isinstance(node, ast.ImportFrom | ast.Import) and "mock" in ast.unparse(node)
    ]
    assert found == []


def test_every_file_opens_by_saying_what_it_is() -> None:
    assert [s.path for s in every_source() if s.text.strip() and not ast.get_docstring(s.tree)] == []


def test_modules_and_classes_are_named_by_nouns_that_mean_something() -> None:
    modules = [s.path for s in every_source() if MEANINGLESS & set(s.path.removesuffix(".py").split("/"))]
    classes = [
        f"{source.path}:{node.lineno} {node.name}"
        for source in every_source()
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and MEANINGLESS_CLASS.search(node.name)
    ]
    assert modules + classes == []


def test_an_ignored_rule_is_named_with_its_reason() -> None:
    bare = [
        f"{source.path}:{line} {comment}"
        for source in every_source()
        if EXCUSE.search(source.text)
        for line, comment in source.comments
        if (excuse := EXCUSE.search(comment)) and not excused(excuse, source, line)
    ]
    assert bare == []


def positionals(function: Function) -> list[str]:
    named = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in named if name not in {"self", "cls", "mcs"}]


def pytest_calls(function: Function) -> bool:
    """Tests and fixtures, whose arguments pytest gives by name."""
    return function.name.startswith("test_") or any("fixture" in ast.unparse(mark) for mark in function.decorator_list)


def catches_all(node: ast.AST) -> bool:
    match node:
        case ast.ExceptHandler(body=[*_, ast.Raise(exc=None)]):
            return False  # it tidies up and lets it pass
        case ast.ExceptHandler(type=None):
            return True
        case ast.ExceptHandler(type=ast.Tuple(elts=caught)):
            return any(dotted(one) in {"Exception", "BaseException"} for one in caught)
        case ast.ExceptHandler(type=ast.expr() as caught):
            return dotted(caught) in {"Exception", "BaseException"}
        case _:
            return False


def patched(call: ast.Call, source: Source) -> str:
    """What a call of monkeypatch replaces, from the room on; empty for calls of anything else, and for other things."""
    if not re.search(r"(monkeypatch|patcher|patch)\.(setattr|delattr)$", dotted(call.func)) or not call.args:
        return ""
    match call.args[0]:
        case ast.Constant(value=str(target)):
            return target
        case target:
            return imported(source).get(dotted(target).split(".")[0], "")


def imported(source: Source) -> dict[str, str]:
    """The module behind each name that the file imports."""
    names: dict[str, str] = {}
    for node in source.nodes:
        if isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name.split(".")[0]): alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {(alias.asname or alias.name): f"{node.module}.{alias.name}" for alias in node.names}
    return names


def excused(excuse: re.Match[str], source: Source, line: int) -> bool:
    """Whether the rule is named and a reason stands behind it, or in a comment right above."""
    above = source.text.splitlines()[line - 2].strip() if line > 1 else ""
    reason = excuse["rest"].strip(" #:") or (above if above.startswith("#") else "")
    return excuse["rule"] is not None and len(reason) >= REASON_CHARACTERS_MIN
