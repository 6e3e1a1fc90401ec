"""`mnemic keys`: made, listed, revoked over HTTP."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from api.cli.connection import Json, ask, client, segment

_PAGE = 200


def create(wanted: Mapping[str, object], *, url: str | None, data: Path | None) -> None:
    """Prints the credential alone to standard output, so that a script can take it."""

    async def go() -> Json:
        async with client(url, data) as service:
            return await ask(service, "POST", "/v1/admin/keys", body=wanted)

    made = asyncio.run(go())
    sys.stderr.write(f"key {made['id']} for {made['subject']} ({', '.join(made['grants'])}); it is shown this once:\n")
    sys.stdout.write(f"{made['key']}\n")


def listed(*, url: str | None, data: Path | None) -> None:
    async def go() -> list[Json]:
        async with client(url, data) as service:
            return (await ask(service, "GET", "/v1/admin/keys", params={"limit": _PAGE}))["items"]

    table = Table("id", "subject", "principals", "grants", "name", "state")
    for key in asyncio.run(go()):
        state = "revoked" if key["revoked_at"] else f"until {key['expires_at']}" if key["expires_at"] else "valid"
        table.add_row(key["id"], key["subject"], ", ".join(key["principals"]), ", ".join(key["grants"]), key["name"], state)
    Console().print(table)


def revoke(key_id: str, *, url: str | None, data: Path | None) -> None:
    async def go() -> Json:
        async with client(url, data) as service:
            return await ask(service, "DELETE", f"/v1/admin/keys/{segment(key_id)}")

    sys.stderr.write(f"key {asyncio.run(go())['id']} is revoked.\n")
