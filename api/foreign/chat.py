"""The plain chat log: `[{"role", "content", "timestamp"}]`, in a list, one to a line, or under `messages`. What has no
time keeps none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
    sequence,
    session_name,
    speaker_name,
    wrong,
)
from api.wire.bundle import MessageLine, Role, SessionLine
from core.errors import Invalid

FORMAT = "chat"
ROLES: Mapping[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Foreign):
    """One message. `content` may be parts, of which the text counts."""

    role: str
    content: object = None
    id: str | int | None = None
    name: str | None = None
    speaker: str | None = None
    timestamp: object = None
    created_at: object = None
    occurred_at: object = None
    session_id: str | int | None = None
    conversation_id: str | int | None = None
    thread_id: str | int | None = None
    metadata: Mapping[str, object] | None = None

    @property
    def at(self) -> object:
        return next((one for one in (self.timestamp, self.occurred_at, self.created_at) if one is not None), None)

    @property
    def conversation(self) -> str | None:
        named = (self.session_id, self.conversation_id, self.thread_id)
        return next((str(one) for one in named if one is not None), None)


MESSAGE = Form(FORMAT, Message)


def read(document: Document, reading: Reading) -> Iterator[Found]:
    rows = list(_rows(document))
    default = reading.session or f"chat-{digest(rows[0][1])[:10]}" if rows else ""
    repeats = Repeats()
    opened: set[str] = set()
    for at, one in rows:
        try:
            message = MESSAGE.read(one, at)
            line = _line(message, repeats, default)
        except (Invalid, ValueError) as flaw:
            yield Found(at=at, kind="messages", flaw=str(flaw))
            continue
        if line.session_id not in opened:
            opened.add(line.session_id)
            yield Found(at=at, kind="sessions", line=SessionLine(id=line.session_id))
        yield Found(at=at, kind="messages", line=line)


def text_of(content: object) -> str:
    """A text, or the text among parts."""
    if isinstance(content, str):
        return content
    parts = sequence(content) or ([content] if mapping(content) is not None else [])
    found = [part if isinstance(part, str) else (mapping(part) or {}).get("text") for part in parts]
    return "\n".join(one for one in found if isinstance(one, str) and one)


def role_of(role: str) -> Role:
    known = ROLES.get(role.casefold())
    if known is None:
        raise ValueError(f"role is {role[:40]!r}; expected one of {', '.join(ROLES)}")
    return known


def _rows(document: Document) -> Iterator[tuple[str, object]]:
    whole = mapping(document.value)
    under = "" if whole is None else "/messages"
    rows = sequence(document.value if whole is None else whole.get("messages"))
    if rows is None:
        raise wrong(FORMAT, under, 'expected a list of {"role", "content", "timestamp"}')
    for place, one in enumerate(rows):
        yield (f"{under}/{place}" if under else document.at(place)), one


def _line(message: Message, repeats: Repeats, default: str) -> MessageLine:
    role, content, at = role_of(message.role), text_of(message.content), moment(message.at)
    if not content.strip():
        raise ValueError("content has no text")
    speaker = speaker_name(message.speaker or message.name)
    made = repeats.name(role, speaker, content, at)
    return MessageLine(
        session_id=session_name(message.conversation or default),
        id=f"chat-{made}" if message.id is None else message_name(str(message.id)),
        role=role,
        content=content,
        speaker=speaker,
        occurred_at=at,
        metadata=flat(message.metadata),
    )
