"""The source tree as values, for the tests of its shape: files, their syntax trees, functions and comments."""

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "storage", "engines", "inference", "retrieval", "indexing", "memory", "cache", "api")
AROUND = ("evals", "benchmarks", "samples", "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file. `path` is relative to the repository, with slashes."""

    path: str
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes if isinstance(node, ast.Call))

    @property
    def functions(self) -> Iterator[Function]:
        return (node for node in self.nodes if isinstance(node, Function))

    @property
    def comments(self) -> Iterator[tuple[int, str]]:
        """(line, text from the # on) of every comment."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


@cache
def sources(*folders: str) -> Sequence[Source]:
    """Every Python file of these folders."""
    paths = sorted(chain.from_iterable((ROOT / folder).rglob("*.py") for folder in folders))
    return tuple(_read(path) for path in paths)


def dotted(node: ast.expr) -> str:
    """`os.environ` of the expression `os.environ`; empty when it is no plain name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name) if inner := dotted(value):
            return f"{inner}.{name}"
        case _:
            return ""


def _read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    return Source(path.relative_to(ROOT).as_posix(), text, tree, tuple(ast.walk(tree)))
