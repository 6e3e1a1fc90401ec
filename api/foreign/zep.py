"""Zep and Graphiti: an object of lists as their SDKs answer them: `threads` or `sessions` (each may hold its `messages`),
`messages`, `episodes`, `nodes`, `edges` or `facts`, under these names or Graphiti's (`episodic_nodes`, `entity_nodes`,
`entity_edges`); or a list of any of them.

An edge becomes a fact that holds from `valid_at` until `invalid_at`. Summaries of nodes are not read: they are derived.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.foreign.chat import ROLES, role_of
from api.foreign.shapes import (
    TRUST,
    Document,
    Foreign,
    Form,
    Found,
    Reading,
    Repeats,
    chosen,
    digest,
    flat,
    mapping,
    message_name,
    moment,
    sequence,
    session_name,
    speaker_name,
    wrong,
)
from api.wire.bundle import FactLine, MessageLine, Role, SessionLine, SourceLine
from core.errors import Invalid

FORMAT = "zep"
_LISTS: Mapping[str, str] = {
    "threads": "threads",
    "sessions": "threads",
    "messages": "messages",
    "episodes": "episodes",
    "episodic_nodes": "episodes",
    "nodes": "nodes",
    "entity_nodes": "nodes",
    "edges": "edges",
    "entity_edges": "edges",
    "facts": "edges",
}
# "norole" is what Zep calls a message whose role nobody named.
_ROLES: Mapping[str, Role] = {**ROLES, "norole": "user"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread(Foreign):
    """A thread, called a session before version 3."""

    thread_id: str | None = None
    session_id: str | None = None
    uuid: str | None = None
    metadata: Mapping[str, object] | None = None
    messages: list[object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Foreign):
    """A message, or an episode that was one. Before version 3 `role` is the speaker's name and `role_type` the role."""

    content: str
    role: str | None = None
    role_type: str | None = None
    name: str | None = None
    role_name: str | None = None
    uuid: str | None = None
    thread_id: str | None = None
    session_id: str | None = None
    thread_uuid: str | None = None
    group_id: str | None = None
    source: str | None = None
    valid_at: object = None
    reference_time: object = None
    created_at: object = None
    metadata: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Foreign):
    """An entity."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Foreign):
    """A fact, between two nodes or by itself."""

    fact: str
    uuid: str | None = None
    name: str | None = None
    source_node_uuid: str | None = None
    target_node_uuid: str | None = None
    source_node_name: str | None = None
    target_node_name: str | None = None
    valid_at: object = None
    invalid_at: object = None
    expired_at: object = None
    created_at: object = None
    attributes: Mapping[str, object] | None = None


THREAD, MESSAGE, NODE, EDGE = Form(FORMAT, Thread), Form(FORMAT, Message), Form(FORMAT, Node), Form(FORMAT, Edge)
_Rows = Sequence[tuple[str, object]]


def read(document: Document, reading: Reading) -> Iterator[Found]:
    lists = _sorted(document)
    users = {
        str(its["user_id"])
        for rows in lists.values()
        for _, one in rows
        if (its := mapping(one)) is not None and its.get("user_id") is not None
    }
    user = chosen(FORMAT, reading, users)
    mine = {name: [(at, one) for at, one in rows if _is_of(one, user)] for name, rows in lists.items()}
    talk = _Talk(reading)
    for at, one in mine["threads"]:
        yield from talk.thread(at, one)
    for kind in ("messages", "episodes"):
        yield from talk.messages(mine[kind], None)
    names = {node.uuid: node.name for at, one in mine["nodes"] if (node := _node(at, one)) is not None}
    for at, one in mine["edges"]:
        try:
            edge = EDGE.read(one, at)
            yield from (Found(at=at, kind="facts", line=line) for line in _facts(reading, edge, names))
        except (Invalid, ValueError) as flaw:
            yield Found(at=at, kind="facts", flaw=str(flaw))


class _Talk:
    """The messages of a file, by thread; a thread is told before its first message."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._repeats = Repeats()
        self._opened: set[str] = set()
        self._names: dict[str, str] = {}  # of threads, by what messages may name them by

    def thread(self, at: str, raw: object) -> Iterator[Found]:
        try:
            thread = THREAD.read(raw, at)
        except Invalid as flaw:
            yield Found(at=at, kind="sessions", flaw=str(flaw))
            return
        public = thread.thread_id or thread.session_id or thread.uuid
        name = session_name(public or f"zep-{digest(raw)[:10]}")
        if thread.uuid is not None:
            self._names[thread.uuid] = name
        self._opened.add(name)
        yield Found(at=at, kind="sessions", line=SessionLine(id=name, metadata=flat(thread.metadata)))
        own = [(f"{at}/messages/{place}", one) for place, one in enumerate(thread.messages or ())]
        yield from self.messages(own, name)

    def messages(self, rows: _Rows, thread: str | None) -> Iterator[Found]:
        """In the order of their times where all have one, as lists of the SDKs may begin with the latest."""
        made: list[Found] = []
        for at, one in rows:
            try:
                made.append(Found(at=at, kind="messages", line=self._line(MESSAGE.read(one, at), thread)))
            except (Invalid, ValueError) as flaw:
                made.append(Found(at=at, kind="messages", flaw=str(flaw)))
        for found in _in_time(made):
            line = found.line
            if isinstance(line, MessageLine) and line.session_id not in self._opened:
                self._opened.add(line.session_id)
                yield Found(at=found.at, kind="sessions", line=SessionLine(id=line.session_id))
            yield found

    def _line(self, message: Message, thread: str | None) -> MessageLine:
        role, speaker, content = _voice(message)
        if not content.strip():
            raise ValueError("content is empty")
        at = next((moment(one) for one in (message.valid_at, message.reference_time, message.created_at) if one), None)
        named = message.thread_id or message.session_id or message.thread_uuid or message.group_id
        known = None if named is None else self._names.get(named) or session_name(named)
        session = thread or known or self._reading.session or "zep"
        name = message.uuid or f"zep-{self._repeats.name(session, role, content, at)}"
        return MessageLine(
            session_id=session,
            id=message_name(name),
            role=role,
            content=content,
            speaker=speaker,
            occurred_at=at,
            metadata=flat(message.metadata),
        )


def _sorted(document: Document) -> dict[str, list[tuple[str, object]]]:
    lists: dict[str, list[tuple[str, object]]] = {name: [] for name in _LISTS.values()}
    whole = mapping(document.value)
    if whole is None:
        rows = sequence(document.value)
        if rows is None:
            raise wrong(FORMAT, "", f"expected an object with some of {', '.join(_LISTS)}, or a list of what they hold")
        for place, one in enumerate(rows):
            lists[_list_of(one)].append((document.at(place), one))
        return lists
    if not set(whole) & set(_LISTS):
        raise wrong(FORMAT, "", f"expected some of {', '.join(_LISTS)}; it has {', '.join(sorted(whole)[:8]) or 'nothing'}")
    for name, under in _LISTS.items():
        rows = sequence(whole.get(name) or [])
        if rows is None:
            raise wrong(FORMAT, f"/{name}", "expected a list")
        lists[under] += [(f"/{name}/{place}", one) for place, one in enumerate(rows)]
    return lists


def _list_of(raw: object) -> str:
    """What an item of a mixed list is, by its fields."""
    its = mapping(raw) or {}
    if "fact" in its:
        return "edges"
    if "content" in its:
        return "messages"
    return "nodes" if "name" in its and "uuid" in its else "threads"


def _is_of(raw: object, user: str | None) -> bool:
    named = (mapping(raw) or {}).get("user_id")
    return named is None or user is None or str(named) == user


def _node(at: str, raw: object) -> Node | None:
    """None where it cannot be read: then its edges go without its name."""
    try:
        return NODE.read(raw, at)
    except Invalid:
        return None


def _in_time(made: list[Found]) -> list[Found]:
    times = [one.line.occurred_at for one in made if isinstance(one.line, MessageLine) and one.line.occurred_at is not None]
    if len(times) < len(made):
        return made
    return [made[place] for _, place in sorted(zip(times, range(len(made)), strict=True))]


def _voice(message: Message) -> tuple[Role, str | None, str]:
    """Role, speaker and text. An episode of Graphiti says "speaker: text"; one of text or JSON was said by nobody."""
    if message.role is None and message.role_type is None:
        if message.source in {"text", "json", "fact_triple"}:
            return "tool", None, message.content
        head, colon, text = message.content.partition(": ")
        if message.source == "message" and colon and "\n" not in head and len(head) <= 60:
            known = _ROLES.get(head.casefold())
            return known or "user", None if known else speaker_name(head), text
        return "user", None, message.content
    if message.role_type is not None:
        return _role(message.role_type), speaker_name(message.role or message.name), message.content
    return _role(message.role or ""), speaker_name(message.name or message.role_name), message.content


def _role(role: str) -> Role:
    return _ROLES.get(role.casefold()) or role_of(role)


def _facts(reading: Reading, edge: Edge, names: Mapping[str, str]) -> Iterator[FactLine]:
    """The fact, and its end where it has one."""
    since, until = moment(edge.valid_at) or moment(edge.created_at), moment(edge.invalid_at) or moment(edge.expired_at)
    entity = edge.source_node_name or names.get(edge.source_node_uuid or "")
    value = edge.target_node_name or names.get(edge.target_node_uuid or "")
    attribute = (edge.name or "").replace("_", " ").casefold().strip()
    whole = bool(entity and value and attribute)
    name = f"zep:{edge.uuid or digest(edge.fact, since)[:24]}"

    def line(id_: str, text: str, at: datetime | None, *, holds: bool) -> FactLine:
        return FactLine(
            id=id_,
            text=text,
            entity=entity[:200] if whole and entity else reading.user[:200],
            attribute=attribute[:200] if whole else "note",
            value=value if whole else edge.fact,
            fact_kind="relation" if whole else "note",
            cardinality="many",
            polarity=holds,
            sources=(SourceLine(type="caller", id=id_, trust=TRUST, at=at),),
            metadata=flat(edge.attributes),
        )

    yield line(name, edge.fact, since, holds=True)
    if until is not None:
        yield line(f"{name}:end", f"It is over: {edge.fact}", until, holds=False)
