"""The command's line to a running service: its address, its credential, and its problems as Faults. No command is here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx

from api.data_folder import read_operator_key
from api.settings import command_environment, load_settings
from core.errors import Fault, Invalid, NotFound, Unauthenticated, Unavailable

TIMEOUT_S = 65.0  # over the service's own longest deadline
CONNECTIONS = 8

Json = dict[str, Any]


class Refused(Fault):
    """The service answered with a problem."""


def address(url: str | None) -> str:
    """Where the service is: the option, MNEMIC_URL, or host and port of the settings."""
    if url is not None:
        return url.rstrip("/")
    named = command_environment()[0]
    if named is not None:
        return named.rstrip("/")
    settings = load_settings()
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104  # what it listens on, not what we do
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def api_key(data: Path | None) -> str:
    """MNEMIC_API_KEY, MNEMIC_OPERATOR_KEY, or the operator key in the data folder."""
    settings = load_settings(data=data)
    given = settings.operator_key.get_secret_value() if settings.operator_key is not None else None
    key = command_environment()[1] or given or read_operator_key(settings.data.expanduser())
    if key is None:
        raise Unauthenticated(
            "cli.no_key",
            f"no credential: set MNEMIC_API_KEY, or give --data (there is no operator.key to read in {settings.data}).",
        )
    return key


def client(url: str | None, data: Path | None) -> httpx.AsyncClient:
    """A client of the service with the caller's credential."""
    return httpx.AsyncClient(
        base_url=address(url),
        headers={"Authorization": f"Bearer {api_key(data)}"},
        timeout=httpx.Timeout(TIMEOUT_S, connect=5.0),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
    )


async def ask(
    service: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    body: Mapping[str, object] | None = None,
    params: Mapping[str, str | int] | None = None,
) -> Json:
    """The JSON answer, or a Fault telling the service's problem."""
    try:
        answer = await service.request(method, path, json=body, params=params)
    except httpx.HTTPError as broken:
        raise unreachable(service, broken) from broken
    return read(answer)


def read(answer: httpx.Response) -> Json:
    """The JSON of an answer, or the problem that it tells."""
    try:
        told = cast("Json", answer.json())
    except ValueError:
        raise Unavailable(
            "cli.no_mnemic", f"{answer.url} answered HTTP {answer.status_code} without JSON: is that a mnemic service?"
        ) from None
    if answer.is_success:
        return told
    if answer.status_code == 404:
        raise NotFound(str(told.get("code")), str(told.get("detail")))
    raise Refused(str(told.get("code")), f"{told.get('detail')} ({told.get('code')}, request {told.get('request_id')})")


def unreachable(service: httpx.AsyncClient, broken: httpx.HTTPError) -> Fault:
    base = str(service.base_url).rstrip("/")
    if isinstance(broken, httpx.ConnectError):
        return Unavailable(
            "cli.unreachable", f"no service answers at {base}: start one with `mnemic serve`, or set MNEMIC_URL or --url."
        )
    if isinstance(broken, httpx.UnsupportedProtocol):
        return Invalid("cli.invalid_url", f"{base!r} is no address of a service; it looks like http://127.0.0.1:8321.")
    return Unavailable(
        "cli.connection_lost",
        f"the connection to {base} broke ({str(broken) or type(broken).__name__}). What was acknowledged stays; a job"
        " goes on when the service runs again. The same command may be given again.",
    )


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def document_path(name: str) -> str:
    """A document id as the rest of a path."""
    return quote(name, safe="/")
