"""Forms of files, in whatever pieces they come."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.http.body import Bound
from api.http.multipart import Form, FormLimits, receive_form
from core.errors import Fault, Invalid, TooLarge

TYPE = "multipart/form-data; boundary=x"
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="hr/a.md"\r\nContent-Type: text/markdown\r\n\r\n'
    b'# A\r\n--y\r\n\r\n--x\r\nContent-Disposition: form-data; name="prefix"\r\n\r\nv1/\r\n'
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="b"\r\nContent-Type: application/octet-stream\r\n'
    b"\r\n\r\n--x--\r\n"
)


def limits(file: int = 1000, files: int = 10) -> FormLimits:
    return FormLimits(file=Bound(what="the file", bytes_max=file, code="t.large", way_out=""), files_max=files)


async def received(body: bytes, size: int, folder: Path, bounds: FormLimits | None = None) -> Form:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return await receive_form(TYPE, pieces(), folder, bounds or limits())


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
async def test_a_form_is_the_same_in_pieces_of_any_size(tmp_path: Path, size: int) -> None:
    form = await received(FORM, size, tmp_path)
    assert [(part.name, part.media_type, part.file.size) for part in form.files] == [
        ("hr/a.md", "text/markdown", 10),
        ("b", None, 0),
    ]
    assert form.files[0].file.path.read_bytes() == b"# A\r\n--y\r\n"
    assert form.fields == {"prefix": "v1/"}


async def test_what_a_form_says_has_one_digest_whatever_its_boundary(tmp_path: Path) -> None:
    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    first = await received(FORM, 50, folder("1"))
    again = await received(FORM, 9, folder("2"))
    other = await received(FORM.replace(b"# A", b"# B"), 50, folder("3"))
    renamed = await received(FORM.replace(b"hr/a.md", b"hr/b.md"), 50, folder("4"))
    assert first.digest() == again.digest()
    assert len({first.digest(), other.digest(), renamed.digest()}) == 3


async def test_a_file_over_its_limit_and_one_file_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="limit is 9"):
        await received(FORM, 64, tmp_path, limits(file=9))
    (tmp_path / "second").mkdir()
    with pytest.raises(TooLarge, match="more than 1 files"):
        await received(FORM, 64, tmp_path / "second", limits(files=1))


@pytest.mark.parametrize("cut", [1, 10, 60, 150, len(FORM) - 5])
async def test_a_form_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(Invalid):
        await received(FORM[:cut], 64, tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(body=st.binary(max_size=300))
async def test_any_bytes_are_a_form_or_a_fault(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    with contextlib.suppress(Fault):
        await received(b"--x\r\n" + body, 33, tmp_path_factory.mktemp("any"))
