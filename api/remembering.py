"""The wiring of the memory room: from what everything stands on to its services. api/bootstrap.py calls this, nobody else."""

from dataclasses import dataclass

from api.services import Remembering
from core.clock import Clock
from core.limits import Limits
from engines.analysis import analyse
from engines.port import SearchEngine
from inference.port import Embedder, TextModel, TokenCounter
from memory.compression import Compression
from memory.compressor import Compressor
from memory.consolidation import Consolidation
from memory.erasure import Erasing, Substrate
from memory.fact_learning import FactDependent, FactLearner
from memory.facts import Facts
from memory.forgetting import Forgetting
from memory.recall import Recall
from memory.recall_weights import Weights
from memory.removal import Removal
from memory.service import Memory
from memory.summary_types import Triggers
from memory.tree import Words
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
    triggers: Triggers
    model: TextModel | None
    substrates: tuple[Substrate, ...]


# Of the words that compression compares: conversations have no index with a language of its own.
LANGUAGE = "english"


def make_remembering(means: Means) -> Remembering:
    db, embedder, counter, progress, clock = means.database, means.embedder, means.counter, means.progress, means.clock
    compression = Compression(
        db=db,
        embedder=embedder,
        words=Words(count=counter.count, terms=lambda text: analyse(text, LANGUAGE)),
        progress=progress,
        clock=clock,
        model=means.model,
    )
    compressor = Compressor(db=db, compression=compression, triggers=means.triggers)
    dependents = (compressor, FactDependent(clock))
    recall = Recall(
        db=db,
        engine=means.engine,
        embedder=embedder,
        progress=progress,
        limits=means.limits,
        weights=means.recall,
        clock=clock,
    )
    erasing = Erasing(db=db, engine=means.engine, progress=progress, clock=clock, substrates=means.substrates)
    return Remembering(
        memory=Memory(
            db=db,
            embedder=embedder,
            counter=counter,
            progress=progress,
            limits=means.limits,
            clock=clock,
            learners=(compressor, FactLearner(embedder=embedder, clock=clock)),
        ),
        recall=recall,
        facts=Facts(db=db, embedder=embedder, progress=progress, limits=means.limits, clock=clock),
        removal=Removal(db=db, embedder=embedder, counter=counter, progress=progress, clock=clock, dependents=dependents),
        compression=compression,
        forgetting=Forgetting(db=db, recall=recall, progress=progress, clock=clock, limits=means.limits, dependents=dependents),
        erasing=erasing,
        work={"compressor": compressor.run, "erasing": erasing.run, "consolidation": Consolidation(db=db, clock=clock).run},
    )
