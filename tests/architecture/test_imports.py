"""The import directions that DESIGN.md draws and pyproject.toml spells out, and that what is imported is declared."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.tree import ROOMS, ROOT, sources

# Parts of a declared package that come under a name of their own.
CAME_WITH = {"starlette": "fastapi", "uvloop": "uvicorn", "pydantic-core": "pydantic"}


@pytest.mark.timeout(60)
def test_the_rooms_import_each_other_only_in_the_directions_drawn() -> None:
    command = Path(sys.executable).parent / "lint-imports"
    linted = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_imported_package_is_a_declared_dependency() -> None:
    declared = {name_of(requirement) for requirement in declared_everywhere()}
    homes = packages_distributions()
    undeclared = {
        f"{source.path} imports {package}, which pyproject.toml does not name"
        for source in sources(*ROOMS)
        for package in imported_packages(source.tree)
        if not {canonical(home) for home in homes.get(package, [package])} & declared
        and CAME_WITH.get(canonical(package)) not in declared
    }
    assert undeclared == set()


def test_every_dependency_says_what_it_is_for() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    requirements = tuple(f'"{requirement}"' for requirement in declared_everywhere())
    silent = [line.strip() for line in lines if line.strip().startswith(requirements) and not line.partition("#")[2].strip()]
    assert silent == []


def imported_packages(tree: ast.Module) -> set[str]:
    """The outside packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - set(ROOMS) - sys.stdlib_module_names


def declared_everywhere() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]


def name_of(requirement: str) -> str:
    for end in "[<>=~! ;":
        requirement = requirement.partition(end)[0]
    return canonical(requirement)


def canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
