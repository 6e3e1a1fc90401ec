"""The wiring of the memory room: from what everything stands on to its services. api/bootstrap.py calls this, nobody else."""

from dataclasses import dataclass

from api.services import Remembering
from core.clock import Clock
from core.limits import Limits
from engines.port import SearchEngine
from inference.port import Embedder, TokenCounter
from memory.recall import Recall
from memory.recall_scoring import Weights
from memory.removal import Removal
from memory.service import Memory
from memory.types import Progress
from storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the room stands on."""

    database: Database
    engine: SearchEngine
    embedder: Embedder
    counter: TokenCounter
    progress: Progress
    limits: Limits
    clock: Clock
    recall: Weights


def make_remembering(means: Means) -> Remembering:
    db, embedder, counter = means.database, means.embedder, means.counter
    return Remembering(
        memory=Memory(
            db=db, embedder=embedder, counter=counter, progress=means.progress, limits=means.limits, clock=means.clock
        ),
        recall=Recall(
            db=db,
            engine=means.engine,
            embedder=embedder,
            progress=means.progress,
            limits=means.limits,
            weights=means.recall,
            clock=means.clock,
        ),
        removal=Removal(db=db, embedder=embedder, counter=counter, progress=means.progress, clock=means.clock),
    )
