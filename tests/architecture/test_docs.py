"""The documents against the code: links, paths, commands, make targets, settings and fault codes that they name exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.faults import status_of
from api.http.app import OPERATIONS
from api.settings import FOREIGN, setting_names
from core.errors import Fault, Limited, Unavailable
from tests.support.tree import ROOMS, ROOT, Source, dotted, sources

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"[a-z]+\.[a-z_]+")
LOG_METHODS = ("debug", "info", "warning", "error", "exception")


def names(documents: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in documents]


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    broken: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_reached_from_the_lists_of_pages() -> None:
    lists = [ROOT / "docs/README.md", ROOT / "docs/adr/README.md"]
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in lists
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    }
    assert [page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md") if page not in {*linked, *lists}] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_file_of_ours_that_is_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    tops = "|".join((*ROOMS, "evals", "benchmarks", "samples", "tests", "deploy", "docs"))
    named = re.findall(rf"`((?:{tops})/[\w./-]+)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_make_target_and_setting_that_is_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets
    known = {*setting_names(), *FOREIGN}
    wrong = {name for name in re.findall(r"\bMNEMIC_[A-Z_]+\b", text) if not name.startswith("MNEMIC_TEST_")} - known
    assert {name for name in wrong if not name.endswith("_")} == set()


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert [name for name in setting_names() if f"`{name}`" not in text] == []


def test_every_operation_is_documented_with_its_grant() -> None:
    text = (ROOT / "docs/reference/http.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([A-Z]+ /\S+)` \| (\w+) \|", text, re.MULTILINE))
    assert listed == {(f"{one.method} {one.path.replace(':path}', '}')}", one.needs.value) for one in OPERATIONS}


def test_messages_name_only_settings_that_exist() -> None:
    known = {*setting_names(), *FOREIGN, *(name.partition("__")[0] for name in setting_names())}
    named = {(source.path, name) for source in sources(*ROOMS) for name in re.findall(r"MNEMIC_[A-Z_]*[A-Z]", source.text)}
    assert {f"{path}: {name}" for path, name in named if name not in known and not name.startswith("MNEMIC_TEST")} == set()


def test_every_fault_code_is_documented_and_every_documented_one_exists() -> None:
    text = (ROOT / "docs/reference/faults.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", text, re.MULTILINE))
    raised = set(codes())
    patterns = {code for code in raised if "[" in code}
    assert {code for code in raised - patterns if code not in documented} == set()
    assert {code for code in patterns if not any(re.fullmatch(code, one) for one in documented)} == set()
    assert {one for one in documented - raised if not any(re.fullmatch(code, one) for code in patterns)} == set()


def test_every_documented_status_is_that_of_its_fault() -> None:
    text = (ROOT / "docs/reference/faults.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (\d{3}) \|", text, re.MULTILINE))
    kinds = {kind.__name__: kind for kind in (*Fault.__subclasses__(), Limited, Unavailable)}
    statuses: dict[str, set[str]] = {}
    for source in sources(*ROOMS):
        for call in source.calls:
            for code in code_of(call.args[0]) if callee(call) in kinds and call.args else ():
                statuses.setdefault(code, set()).add(str(status_of(kinds[callee(call)])[0]))
    assert {code: told for code, told in documented.items() if told not in statuses.get(code, {told})} == {}


def test_every_trouble_that_openapi_promises_can_happen() -> None:
    raised = set(codes())
    promised = {
        code for source in sources("api") for call in source.calls for code in named_code(call) if callee(call) == "Trouble"
    }
    assert {code for code in promised if not any(re.fullmatch(pattern, code) for pattern in raised)} == set()


def codes() -> Iterator[str]:
    """Every code that a fault is made with, directly or through a parameter `code`; one that is put together, as a pattern."""
    kinds = fault_kinds()
    for source in sources(*ROOMS):
        for call in source.calls:
            if callee(call) in kinds and call.args:
                yield from code_of(call.args[0])
            if callee(call) not in {"Trouble", "Problem", *LOG_METHODS}:
                yield from named_code(call)
        for function in source.functions:
            for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
                if argument.arg == "code" and default is not None:
                    yield from code_of(default)
        yield from own_codes(source, kinds)


def fault_kinds() -> set[str]:
    """The names of the fault classes, those of the rooms included."""
    kinds = {kind.__name__ for kind in (Fault, *Fault.__subclasses__(), Limited, Unavailable)}
    classes = [node for source in sources(*ROOMS) for node in source.nodes if isinstance(node, ast.ClassDef)]
    return kinds | {node.name for node in classes if {dotted(base).split(".")[-1] for base in node.bases} & kinds}


def own_codes(source: Source, kinds: set[str]) -> Iterator[str]:
    """The codes that fault classes give themselves."""
    for node in source.nodes:
        if isinstance(node, ast.ClassDef) and node.name in kinds:
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__" and call.args:
                    yield from code_of(call.args[0])


def named_code(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg == "code":
            yield from code_of(keyword.value)


def callee(call: ast.Call) -> str:
    return dotted(call.func).split(".")[-1]


def code_of(argument: ast.expr) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(code)) if CODE.fullmatch(code):
            yield code
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "[a-z_]+" for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from (*code_of(one), *code_of(other))
        case _:
            return


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(file: Path) -> set[str]:
    """The anchors of a document's headings, as the usual hosts make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(file.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
