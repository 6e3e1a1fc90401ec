"""What directory and JSONL jobs find, in which order, and what stays out of their reach."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from api.wire.documents import parse_line
from core.errors import Corrupt, Forbidden, Invalid
from core.ids import Principal
from core.limits import Limits
from indexing.sources import LINE_BYTES_MAX, Found, SourceRules, read_file
from indexing.types import JobRequest, SourceKind


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


def rules(*roots: Path) -> SourceRules:
    return SourceRules(roots=roots, parse_line=partial(parse_line, limits=Limits()))


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("words")


async def found(root: Path, *include: str, prefix: str = "", position: str | int = 0, uri: Path | None = None) -> list[Found]:
    request = JobRequest(kind=SourceKind.DIRECTORY, uri=str(uri or root), include=include or ("**/*",), prefix=prefix)
    return list(rules(root).read({**await rules(root).spec_of(request), "position": position}))


async def names(root: Path, *include: str, **more: str) -> list[str]:
    return [one.id for one in await found(root, *include, **more)]  # type: ignore[arg-type]  # prefix alone


async def test_files_come_in_a_fixed_order_files_before_folders(root: Path) -> None:
    fill(root, "b.md", "a/z.md", "a/b/c.md", "c.md", "a/a.md")
    assert await names(root) == ["b.md", "c.md", "a/a.md", "a/z.md", "a/b/c.md"]


@pytest.mark.parametrize(
    "pattern, fitting",
    [
        ("**/*.md", ["a.md", "x/b.md", "x/y/c.md"]),
        ("*.md", ["a.md"]),
        ("x/*.md", ["x/b.md"]),
        ("x/**", ["x/b.md", "x/y/c.md", "x/y/d.txt"]),
        ("**/y/*", ["x/y/c.md", "x/y/d.txt"]),
        ("x/**/c.md", ["x/y/c.md"]),
        ("**/[bc].md", ["x/b.md", "x/y/c.md"]),
        ("?.md", ["a.md"]),
        ("y/*.md", []),
        ("**/*.MD", []),
    ],
)
async def test_globs_fit_whole_paths_and_two_stars_any_number_of_folders(root: Path, pattern: str, fitting: list[str]) -> None:
    fill(root, "a.md", "x/b.md", "x/y/c.md", "x/y/d.txt")
    assert await names(root, pattern) == fitting


async def test_several_patterns_are_a_union(root: Path) -> None:
    fill(root, "a.md", "b.txt", "c.log")
    assert await names(root, "*.md", "*.txt", "a.*") == ["a.md", "b.txt"]


async def test_a_prefix_stands_before_every_id_with_one_slash(root: Path) -> None:
    fill(root, "x/a.md")
    assert await names(root, prefix="hr/2026/") == ["hr/2026/x/a.md"]


async def test_links_inside_the_source_are_read_and_those_that_lead_out_of_it_are_not(tmp_path: Path, root: Path) -> None:
    fill(tmp_path, "secret.md", "outside/secret.md")
    fill(root, "real.md")
    (root / "inside.md").symlink_to(root / "real.md")
    (root / "out.md").symlink_to(tmp_path / "secret.md")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "broken.md").symlink_to(root / "nothing.md")
    assert await names(root) == ["inside.md", "real.md"]


async def test_only_regular_files_are_read(root: Path) -> None:
    os.mkfifo(root / "pipe.md")
    fill(root, "a.md")
    assert await names(root) == ["a.md"]


async def test_a_position_is_where_the_listing_goes_on_even_when_that_file_is_gone(root: Path) -> None:
    fill(root, "a.md", "b.md", "x/a.md", "x/y/a.md", "z/a.md")
    everything = await found(root)
    assert [one.position for one in everything] == ["a.md", "b.md", "x/a.md", "x/y/a.md", "z/a.md"]
    (root / "a.md").unlink()
    (root / "x/a.md").unlink()
    assert [one.id for one in await found(root, position="x/a.md")] == ["x/y/a.md", "z/a.md"]
    assert [one.id for one in await found(root, position="b.md")] == ["x/y/a.md", "z/a.md"]


async def test_a_name_that_is_no_document_id_is_found_with_its_fault(root: Path) -> None:
    (root / "tab\there.md").write_text("words")
    (root / os.fsdecode(b"latin-\xe9.md")).write_text("words")
    flawed = await found(root)
    assert [one.fault.code for one in flawed if one.fault] == ["ids.invalid_document_id"] * 2
    assert all(one.id.encode() and str(one.position).encode() for one in flawed), "what is stored is Unicode"


@pytest.mark.parametrize("uri", ["..", "../root2", "/", "/etc", "sub/../../root2"])
async def test_outside_of_the_roots_nothing_is_read(root: Path, uri: str) -> None:
    (root.parent / "root2").mkdir()
    with pytest.raises(Forbidden) as refused:
        await rules(root).spec_of(JobRequest(kind=SourceKind.DIRECTORY, uri=str(root / uri)))
    assert refused.value.code == "indexing.outside_roots"


async def test_without_roots_there_is_nothing_to_read(root: Path) -> None:
    with pytest.raises(Forbidden):
        await rules().spec_of(JobRequest(kind=SourceKind.DIRECTORY, uri=str(root)))


async def test_a_root_may_be_a_link_and_a_uri_a_file_uri(tmp_path: Path, root: Path) -> None:
    fill(root, "a.md")
    (tmp_path / "link").symlink_to(root)
    spec = await rules(tmp_path / "link").spec_of(JobRequest(kind=SourceKind.DIRECTORY, uri=f"file://{tmp_path}/link"))
    assert [one.id for one in rules(tmp_path / "link").read(spec)] == ["a.md"]


async def test_a_root_taken_away_from_the_settings_is_no_longer_read_by_a_job_that_waits(root: Path) -> None:
    spec = await rules(root).spec_of(JobRequest(kind=SourceKind.DIRECTORY, uri=str(root)))
    with pytest.raises(Forbidden):
        rules().read(spec)


async def test_a_directory_job_needs_a_directory_and_a_jsonl_job_a_file(root: Path) -> None:
    fill(root, "a.jsonl")
    for kind, uri in ((SourceKind.DIRECTORY, root / "a.jsonl"), (SourceKind.JSONL, root)):
        with pytest.raises(Invalid) as refused:
            await rules(root).spec_of(JobRequest(kind=kind, uri=str(uri)))
        assert refused.value.code == "indexing.no_such_source"


async def test_an_upload_has_no_source_on_this_machine(root: Path) -> None:
    spec = await rules(root).spec_of(JobRequest(kind=SourceKind.UPLOAD, metadata={"tags": ("a",)}, acl=[Principal("group:hr")]))
    assert (spec["source"], spec["uri"]) == ("upload", None)
    wanted = rules(root).wanted(json.loads(json.dumps(spec)))
    assert (wanted.metadata, list(wanted.acl or ())) == ({"tags": ("a",)}, ["group:hr"])  # type: ignore[arg-type]  # not KEPT


# --- JSONL


async def lines(root: Path, *rows: bytes, position: int = 0) -> list[Found]:
    path = root / "a.jsonl"
    path.write_bytes(b"\n".join(rows))
    spec = await rules(root).spec_of(JobRequest(kind=SourceKind.JSONL, uri=str(path)))
    return list(rules(root).read({**spec, "position": position}))


async def test_lines_are_counted_from_one_and_empty_ones_count(root: Path) -> None:
    rows = await lines(root, b'{"id": "a", "text": "x"}', b"", b"   ", b'{"id": "b", "text": "y"}')
    assert [(one.id, one.position) for one in rows] == [("a", 1), ("b", 4)]
    assert [one.submission.content for one in rows if one.submission] == [b"x", b"y"]


async def test_a_line_that_is_no_document_has_its_fault_and_the_others_go_on(root: Path) -> None:
    rows = await lines(root, b"{", b'{"id": "a"}', b"\xff\xfe", b"[]", b'{"id": "b", "text": "y"}')
    assert [one.fault is not None for one in rows] == [True, True, True, True, False]
    assert [one.id for one in rows] == ["line-1", "line-2", "line-3", "line-4", "b"]


async def test_lines_go_on_behind_a_position(root: Path) -> None:
    rows = await lines(root, *(b'{"id": "d%d", "text": "x"}' % number for number in range(5)), position=3)
    assert [one.id for one in rows] == ["d3", "d4"]


async def test_a_line_over_the_limit_is_one_failure_and_is_never_held_whole(root: Path) -> None:
    limit = LINE_BYTES_MAX
    path = root / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id": "big", "text": "')
        file.truncate(3 * limit)
        file.seek(0, os.SEEK_END)
        file.write(b'"}\n{"id": "next", "text": "x"}\n')
    spec = await rules(root).spec_of(JobRequest(kind=SourceKind.JSONL, uri=str(path)))
    rows = list(rules(root).read(spec))
    assert [(one.id, one.position, one.fault and one.fault.code) for one in rows] == [
        ("line-1", 1, "indexing.line_too_long"),
        ("next", 2, None),
    ]


async def test_a_source_that_has_gone_says_so(root: Path) -> None:
    fill(root, "a.jsonl", "x/a.md")
    specs = [
        await rules(root).spec_of(JobRequest(kind=SourceKind.JSONL, uri=str(root / "a.jsonl"))),
        await rules(root).spec_of(JobRequest(kind=SourceKind.DIRECTORY, uri=str(root / "x"))),
    ]
    (root / "a.jsonl").unlink()
    (root / "x").rename(root / "y")
    for spec in specs:
        with pytest.raises(Corrupt) as gone:
            rules(root).read(spec)
        assert gone.value.code == "indexing.source_missing"


# --- files that were found a while ago


def test_a_listed_file_is_checked_again_before_it_is_read(root: Path) -> None:
    fill(root, "a.md")
    read_file(root / "a.md", 5)
    with pytest.raises(Invalid, match=r"'a\.md' is 5 bytes; the limit is 4") as big:
        read_file(root / "a.md", 4)
    assert big.value.code == "indexing.file_too_large"
    (root / "a.md").unlink()
    with pytest.raises(Corrupt) as gone:
        read_file(root / "a.md", 5)
    assert gone.value.code == "indexing.source_missing"
