"""Chat completions on the wire: whatever OpenAI's API has, read as it is. Only what this service itself needs is checked."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# The one request that may hold what we do not know: it is the upstream's to read.
_OPEN = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)


class ChatIn(BaseModel):
    """A chat request. Fields that are not named here go to the upstream as they are, and count as part of the question."""

    model_config = _OPEN

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[dict[str, object]], Field(min_length=1)]


class ChatOut(BaseModel):
    """A chat completion, as the upstream made it."""

    model_config = _OPEN

    choices: list[dict[str, object]]


class ChunkOut(BaseModel):
    """One event of a streamed completion; after the last one comes `[DONE]`."""

    model_config = _OPEN

    choices: list[dict[str, object]]
