"""How a streamed answer begins, lives and ends, against a reader made by hand."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from starlette.types import Message

from api.http.streaming import OpenStreams, Pace, StreamAnswer, Streamed, StreamKind, event
from core.errors import Limited, Unauthenticated, Unavailable
from core.ids import KeyId

FAST = Pace(heartbeat_s=0.005, stall_s=0.02)


@dataclass
class Reader:
    """The other end: it notes what comes, and leaves when told to."""

    gone: asyncio.Event = field(default_factory=asyncio.Event)
    takes: Callable[[bytes], bool] = lambda _: True
    messages: list[Message] = field(default_factory=list[Message])
    leaves_after: int | None = None

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self.takes(message.get("body", b"")):
            await asyncio.Event().wait()
        self.messages.append(message)
        if self.leaves_after is not None and len(self.messages) > self.leaves_after:
            self.gone.set()

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()

    @property
    def whole(self) -> bool:
        return not self.messages[-1].get("more_body", True)


async def allowed() -> None:
    return


def answer(
    streamed: Streamed,
    *,
    first: bytes | None = None,
    check: Callable[[], Awaitable[object]] = allowed,
    stopping: asyncio.Event | None = None,
) -> StreamAnswer:
    return StreamAnswer(streamed, first=first, request_id="req_1", check=check, stopping=stopping or asyncio.Event(), pace=FAST)


class Pieces:
    """Some pieces, then nothing more without an end; knows whether it was closed."""

    def __init__(self, *pieces: bytes, ends: bool = False, fails: Exception | None = None) -> None:
        self.closed = False
        self._pieces, self._ends, self._fails = pieces, ends, fails

    async def run(self) -> AsyncGenerator[bytes]:
        try:
            for piece in self._pieces:
                yield piece
            if self._fails is not None:
                raise self._fails
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.closed = True


def events(pieces: Pieces, *, endless: bool = False) -> Streamed:
    return Streamed(kind=StreamKind.EVENTS, pieces=pieces.run(), endless=endless)


async def serve(streaming: StreamAnswer, reader: Reader) -> None:
    async with asyncio.timeout(5):
        await streaming({"type": "http"}, reader.receive, reader.send)


def test_an_event_has_its_number_its_name_and_one_line_of_data() -> None:
    assert event(b'{"a":1}', name="change", number=7) == b'id: 7\nevent: change\ndata: {"a":1}\n\n'
    assert event(b"{}") == b"data: {}\n\n"


async def test_pieces_come_in_order_and_the_end_is_said() -> None:
    reader, pieces = Reader(), Pieces(b"one\n", b"two\n", ends=True)
    await serve(answer(Streamed(kind=StreamKind.LINES, pieces=pieces.run()), first=b"zero\n"), reader)
    assert reader.text == "zero\none\ntwo\n"
    assert reader.whole
    headers = dict(reader.messages[0]["headers"])
    assert headers[b"content-type"] == b"application/x-ndjson"
    assert b"content-length" not in headers


async def test_an_idle_stream_of_events_says_that_it_lives() -> None:
    reader, pieces = Reader(leaves_after=3), Pieces(b"data: 1\n\n")
    await serve(answer(events(pieces)), reader)
    assert reader.text.startswith("data: 1\n\n:\n\n")


async def test_idle_lines_get_no_heartbeat_that_a_parser_would_choke_on() -> None:
    stopping = asyncio.Event()
    beats: list[int] = []

    async def check() -> None:
        beats.append(1)
        if len(beats) == 3:
            stopping.set()

    streamed = Streamed(kind=StreamKind.LINES, pieces=Pieces(b"1\n").run(), endless=True)
    reader = Reader()
    await serve(answer(streamed, check=check, stopping=stopping), reader)
    assert reader.text == "1\n"


async def test_a_reader_that_leaves_ends_the_work_and_is_told_nothing_more() -> None:
    reader, pieces = Reader(leaves_after=1), Pieces(b"data: 1\n\n")
    await serve(answer(events(pieces)), reader)
    assert pieces.closed
    assert not reader.whole


async def test_a_reader_that_takes_nothing_is_gone() -> None:
    reader, pieces = Reader(takes=lambda body: body == b""), Pieces(b"data: 1\n\n")
    await serve(answer(events(pieces)), reader)
    assert pieces.closed
    assert reader.text == ""


async def test_a_fault_on_the_way_is_told_as_an_event_and_ends_the_stream() -> None:
    reader = Reader()
    await serve(answer(events(Pieces(b"data: 1\n\n", fails=Unavailable("storage.busy", "later")))), reader)
    assert 'event: error\ndata: {"type":"urn:mnemic:problem:storage.busy"' in reader.text
    assert reader.whole


async def test_a_fault_among_lines_is_the_last_line() -> None:
    reader = Reader()
    pieces = Pieces(b"1\n", fails=Unavailable("storage.busy", "later"))
    await serve(answer(Streamed(kind=StreamKind.LINES, pieces=pieces.run())), reader)
    assert reader.text.splitlines()[1].startswith('{"error":{"type":')


async def test_a_failure_nobody_foresaw_breaks_the_stream_off() -> None:
    reader, pieces = Reader(), Pieces(b"data: 1\n\n", fails=RuntimeError("a defect"))
    with pytest.raises(ExceptionGroup):
        await serve(answer(events(pieces)), reader)
    assert not reader.whole


async def test_an_endless_stream_ends_when_the_service_stops_and_another_is_finished_first() -> None:
    stopping = asyncio.Event()
    stopping.set()
    reader, pieces = Reader(), Pieces()
    await serve(answer(events(pieces, endless=True), stopping=stopping), reader)
    assert reader.whole
    assert pieces.closed
    finite = Reader()
    await serve(answer(events(Pieces(b"data: 1\n\n", ends=True)), stopping=stopping), finite)
    assert finite.text == "data: 1\n\n"


async def test_a_key_that_was_revoked_reads_no_further() -> None:
    async def revoked() -> None:
        raise Unauthenticated("auth.revoked_key", "key key_1 was revoked")

    reader, pieces = Reader(), Pieces(b"data: 1\n\n")
    await serve(answer(events(pieces), check=revoked), reader)
    assert "auth.revoked_key" in reader.text
    assert reader.whole
    assert pieces.closed


def test_open_streams_are_bounded_by_key_and_in_all() -> None:
    streams, one, other = OpenStreams(), KeyId("key_1"), KeyId("key_2")
    give_back = streams.take(one, streams_max=2, per_key_max=1)
    with pytest.raises(Limited, match="key key_1 has 1 streams open"):
        streams.take(one, streams_max=2, per_key_max=1)
    streams.take(other, streams_max=2, per_key_max=1)
    with pytest.raises(Limited, match="2 streams are open"):
        streams.take(KeyId("key_3"), streams_max=2, per_key_max=1)
    give_back()
    streams.take(one, streams_max=2, per_key_max=1)
