"""What the command says when the service cannot be reached."""

import httpx

from api.cli.connection import unreachable


async def test_a_broken_connection_without_a_message_is_named_and_says_what_stays() -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:8321") as service:
        said = str(unreachable(service, httpx.ReadError("")))
    assert "http://127.0.0.1:8321 broke (ReadError)" in said
    assert "goes on when the service runs again" in said
