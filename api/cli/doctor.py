"""`mnemic doctor`: what this installation would use and why, what is on this machine, and what is wrong. Changes nothing."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from api.backends import choices
from api.cli.connection import address
from api.data_folder import holder_of
from api.settings import OnnxEmbedder, OpenAITextModel, Settings, load_settings
from core.errors import Fault
from core.limits import GIB

_PACKAGES = ("mnemic", "onnxruntime", "faiss-cpu", "tantivy", "sqlalchemy", "pypdfium2", "fastapi", "pydantic")
_FREE_BYTES_MIN = GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: `sound` False is something to mend."""

    part: str
    what: str
    why: str = ""
    sound: bool = True


def run(*, data: Path | None, url: str | None) -> None:
    """Exits with 1 when something is wrong."""
    settings = load_settings(data=data)
    findings = [
        *_backends(settings),
        _model(settings),
        *_text_model(settings),
        *_folder(settings),
        _service(address(url)),
        *_versions(),
    ]
    table = Table("", "part", "what", "why", box=None)
    for one in findings:
        table.add_row("[green]ok[/]" if one.sound else "[red]!![/]", one.part, one.what, one.why)
    Console().print(table)
    sys.exit(0 if all(one.sound for one in findings) else 1)


def _backends(settings: Settings) -> Iterator[Finding]:
    for choice in choices(settings):
        yield Finding(part=choice.seam, what=choice.backend, why=choice.why)


def _model(settings: Settings) -> Finding:
    """The built-in model's weights are proved; other models are at their first use."""
    if not isinstance(settings.embedder, OnnxEmbedder):
        return Finding(
            part="model", what=f"as MNEMIC_EMBEDDER__… says ({settings.embedder.kind})", why="proved when it is loaded"
        )
    from inference.onnx.embedder import DEFAULT_SPEC
    from inference.onnx.weights import Weights

    try:
        Weights.shipped().read()
    except Fault as fault:
        return Finding(part="model", what=fault.message, sound=False)
    spec = DEFAULT_SPEC
    return Finding(
        part="model",
        what=f"{spec.name} {spec.variant}, {spec.dimension} dimensions, {spec.tokens_max} tokens; space {spec.digest}",
        why=f"weights sha256 {spec.source_sha256[:16]}… as shipped",
    )


def _text_model(settings: Settings) -> Iterator[Finding]:
    """Where prompts go, and the day's cap. Nothing is asked: it might cost."""
    match settings.text_model:
        case OpenAITextModel() as wanted:
            money = "" if wanted.usd_per_day_max is None else f" and {wanted.usd_per_day_max:g} USD"
            cap = f"at most {wanted.tokens_per_day_max} tokens{money} a day; asked when it is first needed"
            yield Finding(part="text model", what=f"{wanted.model} at {wanted.url}", why=cap)
        case _:
            return


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data.expanduser().absolute()
    if not folder.exists():
        yield Finding(part="data", what=str(folder), why="not there yet: the first `mnemic serve` makes it")
        return
    writable = os.access(folder, os.W_OK | os.X_OK)
    yield Finding(
        part="data", what=str(folder), why="writable" if writable else "cannot be written by this user", sound=writable
    )
    free = shutil.disk_usage(folder).free
    yield Finding(part="disk", what=f"{free / GIB:.1f} GiB free", sound=free >= _FREE_BYTES_MIN)
    holder = holder_of(folder)
    if holder is not None:
        yield Finding(part="lock", what=f"held by {holder}")


def _service(base: str) -> Finding:
    """Whether one answers; none is no fault."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(base_url=base, timeout=3.0) as client:
            return await client.get("/readyz")

    try:
        answer = asyncio.run(ask())
        state = json.loads(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return Finding(part="service", what=f"none answers at {base}", why="start one with `mnemic serve`")
    reasons = "; ".join(f"{part}: {reason}" for part, reason in state.get("reasons", {}).items())
    return Finding(part="service", what=f"{base} is {state.get('status')}", why=reasons, sound=answer.is_success)


def _versions() -> Iterator[Finding]:
    yield Finding(part="python", what=sys.version.split()[0], why=sys.executable)
    for name in _PACKAGES:
        try:
            yield Finding(part=name, what=version(name))
        except PackageNotFoundError:
            yield Finding(part=name, what="runs from its source" if name == "mnemic" else "missing", sound=name == "mnemic")
