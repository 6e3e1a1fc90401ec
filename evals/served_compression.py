"""Summaries as users get them: the development conversations appended to sessions of the real service, compressed over HTTP."""

import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from evals.service import Json, Service, rows_of, serve
from memory.compression.citing import Sentence, Utterance

BATCH = 100


class Served:
    """Sessions of one service. `seconds` has one for each summary that was asked for; `different` counts answers that
    were not the same bytes when asked again, `foreign` sentences that no message has in the place that they cite."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.seconds: list[float] = []
        self.different = 0
        self.foreign = 0

    def append(self, session: str, utterances: Sequence[Utterance]) -> None:
        self._service.post("/v1/sessions", {"id": session, "user_id": "evals"})
        for start in range(0, len(utterances), BATCH):
            messages = [_message(one) for one in utterances[start : start + BATCH]]
            self._service.post(f"/v1/sessions/{session}/messages", {"user_id": "evals", "messages": messages})

    def summary(self, session: str, tokens_max: int, known: Mapping[tuple[int, int, int], Sentence]) -> Sequence[Sentence]:
        """The summary's sentences as the pure code knows them."""
        body = {"user_id": "evals", "tokens_max": tokens_max}
        started = time.perf_counter()
        answer = self._service.post(f"/v1/sessions/{session}:compress", body)
        self.seconds.append(time.perf_counter() - started)
        self.different += answer != self._service.post(f"/v1/sessions/{session}:compress", body)
        found = [known.get(_place(one)) for one in rows_of(answer["sentences"])]
        texts = [str(one["text"]) for one in rows_of(answer["sentences"])]
        self.foreign += sum(one is None or one.text != text for one, text in zip(found, texts, strict=True))
        return [one for one in found if one is not None]


@contextmanager
def served() -> Generator[Served]:
    """Over a service of its own, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="mnemic-compression-") as folder, serve(Path(folder) / "data") as address:
        yield Served(Service(address))


def _message(one: Utterance) -> Json:
    assert one.occurred_s is not None, "the conversations are dated"
    occurred = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.occurred_s))
    return {"id": str(one.message), "role": "user", "speaker": one.speaker, "content": one.text, "occurred_at": occurred}


def _place(sentence: Json) -> tuple[int, int, int]:
    start, end = cast("list[int]", sentence["span"])
    return int(str(sentence["message_id"])), start, end
