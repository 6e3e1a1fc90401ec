"""Letta: an agent file (`.af`), with `agents` and `blocks` or, of older versions, one agent with its `core_memory`; and
archival passages, which no agent file holds, as a list or under `passages`.

Of messages, what was said: a user's without its packing, an assistant's with what it passed to `send_message`, what tools
answered. System prompts, heartbeats, alerts and reasoning were said by nobody. Blocks and passages become notes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import from_json

from api.foreign.chat import text_of
from api.foreign.shapes import (
    Document,
    Foreign,
    Form,
    Found,
    Reading,
    Repeats,
    digest,
    flat,
    mapping,
    message_name,
    moment,
    note,
    pieces,
    sequence,
    session_name,
    speaker_name,
    wrong,
)
from api.wire.bundle import MessageLine, Role, SessionLine
from core.errors import Invalid

FORMAT = "letta"
SEND = "send_message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Foreign):
    """A message of an agent file."""

    role: str
    id: str | None = None
    content: object = None
    text: str | None = None  # what versions before content parts called it
    name: str | None = None
    created_at: object = None
    tool_calls: list[object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Foreign):
    """A block of core memory."""

    value: str
    label: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Foreign):
    """An agent, of either version."""

    name: str | None = None
    id: str | None = None
    messages: list[object]
    block_ids: list[str] | None = None
    core_memory: list[object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(Foreign):
    """A passage of archival memory."""

    text: str
    id: str | None = None
    created_at: object = None
    tags: list[str] | None = None
    metadata: Mapping[str, object] | None = None


AGENT, MESSAGE, BLOCK, PASSAGE = Form(FORMAT, Agent), Form(FORMAT, Message), Form(FORMAT, Block), Form(FORMAT, Passage)


def read(document: Document, reading: Reading) -> Iterator[Found]:
    whole = mapping(document.value)
    if whole is None:
        rows = sequence(document.value)
        if rows is None:
            raise wrong(FORMAT, "", "expected an agent file, or a list of archival passages")
        yield from _passages(reading, [(document.at(place), one) for place, one in enumerate(rows)])
        return
    agents = sequence(whole.get("agents"))
    if agents is None and "messages" not in whole and "passages" not in whole:
        raise wrong(FORMAT, "/agents", "expected a list of agents, or one agent with its messages")
    if agents is not None:
        named = {str(its.get("id")): one for one in _list(whole, "blocks") if (its := mapping(one)) is not None}
        owners = _owners(agents)
        for place, agent in enumerate(agents):
            yield from _agent(reading, agent, f"/agents/{place}")
        yield from _blocks(reading, [(f"/blocks/{id_}", one, owners.get(id_)) for id_, one in named.items()])
    elif "messages" in whole:
        yield from _agent(reading, whole, "")
    yield from _passages(reading, [(f"/passages/{place}", one) for place, one in enumerate(_list(whole, "passages"))])


def _list(whole: Mapping[str, object], name: str) -> Sequence[object]:
    found = whole.get(name)
    rows: Sequence[object] | None = () if found is None else sequence(found)
    if rows is None:
        raise wrong(FORMAT, f"/{name}", "expected a list")
    return rows


def _owners(agents: Sequence[object]) -> dict[str, str]:
    """The agent that has each block, by name; those of several are nobody's alone."""
    found: dict[str, set[str]] = {}
    for one in agents:
        its = mapping(one) or {}
        for block in sequence(its.get("block_ids")) or ():
            found.setdefault(str(block), set()).add(str(its.get("name") or its.get("id")))
    return {block: next(iter(names)) for block, names in found.items() if len(names) == 1}


def _agent(reading: Reading, raw: object, at: str) -> Iterator[Found]:
    try:
        agent = AGENT.read(raw, at)
    except Invalid as flaw:
        yield Found(at=at or "/", kind="sessions", flaw=str(flaw))
        return
    name = agent.name or agent.id or "agent"
    session = reading.session or session_name(f"letta-{agent.id or name}")
    yield Found(at=at or "/", kind="sessions", line=SessionLine(id=session, agent_id=name[:128]))
    repeats = Repeats()
    for place, one in enumerate(agent.messages):
        where = f"{at}/messages/{place}"
        try:
            line = _line(MESSAGE.read(one, where), repeats, (session, name))
        except (Invalid, ValueError) as flaw:
            yield Found(at=where, kind="messages", flaw=str(flaw))
            continue
        if line is not None:
            yield Found(at=where, kind="messages", line=line)
    own = agent.core_memory or ()
    yield from _blocks(reading, [(f"{at}/core_memory/{place}", one, name) for place, one in enumerate(own)])


def _line(message: Message, repeats: Repeats, where: tuple[str, str]) -> MessageLine | None:
    """None for what nobody said."""
    session, agent = where
    spoken = _spoken(message)
    if spoken is None:
        return None
    role, text = spoken
    at = moment(message.created_at)
    return MessageLine(
        session_id=session,
        id=f"letta-{repeats.name(role, text, at)}" if message.id is None else message_name(message.id),
        role=role,
        content=text,
        speaker=speaker_name(agent if role == "assistant" else message.name if role == "user" else None),
        occurred_at=at,
    )


def _spoken(message: Message) -> tuple[Role, str] | None:
    text = text_of(message.content) or message.text or ""
    if message.role == "user":
        packed = _packed(text)
        if packed is not None and "type" in packed:
            text = str(packed.get("message") or "") if packed["type"] == "user_message" else ""
        return ("user", text) if text.strip() else None
    if message.role == "assistant":
        said = [text, *_sent(message.tool_calls or ())]
        told = "\n".join(one for one in said if one.strip())
        return ("assistant", told) if told else None
    if message.role in {"tool", "function"}:
        packed = _packed(text)
        told = packed.get("message") if packed is not None and "status" in packed else text
        told = told if isinstance(told, str) else "" if told is None else str(told)
        idle = message.name == SEND or told.strip() in {"", "None"}
        return None if idle else ("tool", told)
    if message.role in {"system", "approval", "summary"}:
        return None
    raise ValueError(f"role is {message.role[:40]!r}; expected user, assistant, tool, system, approval or summary")


def _sent(calls: Sequence[object]) -> Iterator[str]:
    """What was said by calling the tool that sends."""
    for call in calls:
        function = mapping((mapping(call) or {}).get("function")) or {}
        if function.get("name") == SEND:
            given = _packed(str(function.get("arguments") or ""))
            yield str((given or {}).get("message") or "")


def _packed(text: str) -> Mapping[str, object] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return mapping(from_json(text))
    except ValueError:
        return None


def _blocks(reading: Reading, rows: Sequence[tuple[str, object, str | None]]) -> Iterator[Found]:
    """What an agent keeps of itself is that agent's; what it keeps of its human is for all."""
    for at, one, agent in rows:
        try:
            block = BLOCK.read(one, at)
        except Invalid as flaw:
            yield Found(at=at, kind="facts", flaw=str(flaw))
            continue
        label = block.label or "block"
        for number, text in enumerate(pieces(block.value)):
            id_ = f"letta:{agent or ''}:{label}:{digest(text)[:16]}:{number}"
            scope = None if label == "human" or agent is None else agent[:128]
            line = note(reading, text, id_=id_, at=None, agent=scope, metadata=flat({"letta.block": label}))
            yield Found(at=at, kind="facts", line=line)


def _passages(reading: Reading, rows: Sequence[tuple[str, object]]) -> Iterator[Found]:
    for at, one in rows:
        try:
            passage = PASSAGE.read(one, at)
            said = moment(passage.created_at)
        except (Invalid, ValueError) as flaw:
            yield Found(at=at, kind="facts", flaw=str(flaw))
            continue
        name = f"letta:{passage.id or digest(passage.text)[:24]}"
        metadata = flat(passage.metadata, tags=passage.tags)
        for number, text in enumerate(pieces(passage.text)):
            line = note(reading, text, id_=f"{name}#{number}" if number else name, at=said, metadata=metadata)
            yield Found(at=at, kind="facts", line=line)
