"""`mnemic search`: passages on a terminal, or the service's JSON."""

import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from api.cli.connection import Json, ask, client
from core.errors import Invalid


def run(
    query: str,
    *,
    indexes: list[str] | None,
    k: int,
    raw_filter: str | None,
    as_json: bool,
    url: str | None,
    data: Path | None,
) -> None:
    body: dict[str, object] = {"query": query, "k": k, "filter": parse_filter(raw_filter)}
    if indexes is not None:
        body["indexes"] = indexes
    answer = asyncio.run(_search(body, url, data))
    if as_json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    else:
        _show(answer, Console())


def parse_filter(raw: str | None) -> object:
    try:
        return None if raw is None else json.loads(raw)
    except ValueError as flaw:
        raise Invalid("cli.invalid_filter", f"--filter is no JSON: {flaw}.") from None


async def _search(body: dict[str, object], url: str | None, data: Path | None) -> Json:
    async with client(url, data) as service:
        return await ask(service, "POST", "/v1/search", body=body)


def _show(answer: Json, console: Console) -> None:
    for result in answer["results"]:
        console.print(_head(result), soft_wrap=True)
        console.print(Text(" ".join(result["text"].split()), style="dim"))
        console.print()
    if not answer["results"]:
        console.print("nothing found.")
    if answer["degraded"]:
        console.print(f"degraded: without {', '.join(answer['degraded'])}.", style="yellow")


def _head(result: Json) -> Text:
    head = Text(f"{result['rank']}. ", style="bold")
    head.append(result["title"] or result["document_id"], style="bold")
    if result["heading_path"]:
        head.append(" > " + " > ".join(result["heading_path"]))
    if result["page"] is not None:
        head.append(f", page {result['page']}")
    head.append(f"  {result['score']:.3f}", style="green")
    head.append(f"  {result['index']}/{result['document_id']}", style="cyan")
    return head
