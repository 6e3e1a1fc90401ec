"""`mnemic indexes`: listed, made, deleted over HTTP."""

import asyncio
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from api.cli.connection import Json, ask, client, segment

_PAGE = 200


def listed(*, url: str | None, data: Path | None) -> None:
    async def go() -> list[Json]:
        async with client(url, data) as service:
            return (await ask(service, "GET", "/v1/indexes", params={"limit": _PAGE}))["items"]

    table = Table("name", "documents", "chunks", "language", "description")
    for one in asyncio.run(go()):
        table.add_row(one["name"], str(one["documents"]), str(one["chunks"]), one["profile"]["language"], one["description"])
    Console().print(table)


def create(name: str, *, description: str, language: str, url: str | None, data: Path | None) -> None:
    async def go() -> Json:
        async with client(url, data) as service:
            body = {"description": description, "profile": {"language": language}}
            return await ask(service, "PUT", f"/v1/admin/indexes/{segment(name)}", body=body)

    sys.stderr.write(f"index {asyncio.run(go())['name']} is there.\n")


def delete(name: str, *, url: str | None, data: Path | None) -> None:
    async def go() -> Json:
        async with client(url, data) as service:
            return await ask(service, "DELETE", f"/v1/admin/indexes/{segment(name)}")

    sys.stderr.write(f"index {name} is deleted; job {asyncio.run(go())['id']} purges what it held.\n")
