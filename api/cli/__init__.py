"""The `mnemic` command: its sub-commands and their options, nothing else. What they do loads when one is called, so that --help
is there at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="mnemic",
    help="Retrieval and memory for LLM agents: documents in, cited passages out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke keys of a running service.")
indexes = typer.Typer(no_args_is_help=True, help="List, create and delete indexes of a running service.")
app.add_typer(keys, name="keys")
memory = typer.Typer(no_args_is_help=True, help="Move the memory of a user out of and into a running service.")
app.add_typer(indexes, name="indexes")
app.add_typer(memory, name="memory")

Data = Annotated[Path | None, typer.Option("--data", help="The data folder (MNEMIC_DATA, ./mnemic-data).")]
Url = Annotated[str | None, typer.Option("--url", help="The service (MNEMIC_URL, http://127.0.0.1:8321).")]
Index = Annotated[str, typer.Option("--index", help="The index.")]
User = Annotated[str, typer.Option("--user", help="The user's id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON as the service answered it.")]


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (MNEMIC_HOST, 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one (MNEMIC_PORT, 8321).")] = None,
) -> None:
    """Run the service."""
    from api.cli.serve import run

    run(data=data, host=host, port=port)


@app.command()
def ingest(
    path: Annotated[Path, typer.Argument(help="A file or a folder.")],
    *,
    index: Index,
    create: Annotated[bool, typer.Option("--create", help="Make the index if it is not there.")] = False,  # a flag
    acl: Annotated[list[str] | None, typer.Option(help="Who may read it, such as group:hr; repeat for more.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="key=value for every document; repeat for more.")] = None,
    prefix: Annotated[str, typer.Option(help="Goes before every document id.")] = "",
    url: Url = None,
    data: Data = None,
) -> None:
    """Send a folder of files to an index of a running service, and watch it become searchable."""
    from api.cli.ingest import Ingestion, run

    wanted = Ingestion(path=path, index=index, create=create, acl=acl or None, metadata=tuple(metadata or ()), prefix=prefix)
    run(wanted, url=url, data=data)


@app.command()
def search(
    query: str,
    *,
    index: Annotated[list[str] | None, typer.Option("--index", help="The index; repeat for more, all without it.")] = None,
    k: Annotated[int, typer.Option("--k", help="How many passages.")] = 5,
    filter_: Annotated[str | None, typer.Option("--filter", help='JSON, such as {"eq": ["team", "hr"]}.')] = None,
    json: Json = False,  # a flag
    url: Url = None,
    data: Data = None,
) -> None:
    """Find passages in a running service."""
    from api.cli.search import run

    run(query, indexes=index or None, k=k, raw_filter=filter_, as_json=json, url=url, data=data)


@app.command()
def doctor(data: Data = None, url: Url = None) -> None:
    """Say which backend each part would get and why, and what is wrong."""
    from api.cli.doctor import run

    run(data=data, url=url)


@keys.command("create")
def keys_create(
    subject: Annotated[str, typer.Argument(help="Whose key it is, such as user:ann.")],
    *,
    grant: Annotated[list[str], typer.Option(help="read, write, delegate, admin, operator; repeat for more.")],
    principal: Annotated[list[str] | None, typer.Option(help="Reads with it too, such as group:hr; repeat for more.")] = None,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    expires_at: Annotated[str | None, typer.Option(help="When it ends, such as 2027-01-01T00:00:00Z.")] = None,
    url: Url = None,
    data: Data = None,
) -> None:
    """Make a key and print it: it is shown this once."""
    from api.cli.keys import create

    wanted = {"subject": subject, "grants": grant, "principals": principal or [], "name": name, "expires_at": expires_at}
    create(wanted, url=url, data=data)


@keys.command("list")
def keys_list(url: Url = None, data: Data = None) -> None:
    """List the keys."""
    from api.cli.keys import listed

    listed(url=url, data=data)


@keys.command("revoke")
def keys_revoke(key_id: str, url: Url = None, data: Data = None) -> None:
    """End a key."""
    from api.cli.keys import revoke

    revoke(key_id, url=url, data=data)


@indexes.command("list")
def indexes_list(url: Url = None, data: Data = None) -> None:
    """List the indexes."""
    from api.cli.indexes import listed

    listed(url=url, data=data)


@indexes.command("create")
def indexes_create(
    name: str,
    *,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    language: Annotated[str, typer.Option(help="Of its keyword search: a Snowball language, cjk, or none.")] = "english",
    url: Url = None,
    data: Data = None,
) -> None:
    """Make an index."""
    from api.cli.indexes import create

    create(name, description=description, language=language, url=url, data=data)


@indexes.command("delete")
def indexes_delete(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002  # a flag
    url: Url = None,
    data: Data = None,
) -> None:
    """Delete an index and all in it."""
    from api.cli.indexes import delete

    if yes or typer.confirm(f"Delete index {name!r} and every document in it?"):
        delete(name, url=url, data=data)


@memory.command("export")
def memory_export(
    user: User,
    out: Annotated[Path | None, typer.Option(help="The file; standard output without it.")] = None,
    url: Url = None,
    data: Data = None,
) -> None:
    """Write everything of a user as a bundle."""
    from api.cli.memory import export

    export(user, out=out, url=url, data=data)


@memory.command("import")
def memory_import(
    file: Annotated[Path, typer.Argument(help="A bundle, or what another system wrote.")],
    *,
    user: User,
    format_: Annotated[str, typer.Option("--format", help="mnemic, mem0, zep, letta or chat.")] = "mnemic",
    source_user: Annotated[str | None, typer.Option(help="Who of the users that the file names is meant.")] = None,
    session: Annotated[str | None, typer.Option(help="Where messages go that name no conversation.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take what there is of a bundle that is not whole.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and write nothing.")] = False,
    json: Json = False,  # a flag
    url: Url = None,
    data: Data = None,
) -> None:
    """Take a file in for a user. To do it again adds nothing."""
    from api.cli.memory import Wanted, checked_format, import_

    wanted = Wanted(
        user=user,
        file=file,
        format=checked_format(format_),
        source_user=source_user,
        session=session,
        partial=partial,
        dry_run=dry_run,
    )
    import_(wanted, as_json=json, url=url, data=data)


def main() -> None:
    """The entry point: faults become one line and an exit code."""
    from core.errors import Fault

    try:
        app()
    except Fault as fault:
        sys.stderr.write(f"mnemic: {fault.message}\n")
        sys.exit(2)
