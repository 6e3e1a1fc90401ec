"""The wiring of the memory room: from what everything stands on to its services. api/bootstrap.py calls this, nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.services import Remembering
from core.clock import Clock
from core.limits import Limits
from engines.analysis import analyse
from engines.port import SearchEngine
from inference.port import Embedder, Scanner, TextModel, TokenCounter
from memory.compression.compressor import Compressor
from memory.compression.service import Compression
from memory.compression.tree import Words
from memory.compression.types import Triggers
from memory.facts.consolidation import Consolidation
from memory.facts.learning import FactDependent, FactLearner
from memory.facts.service import Facts
from memory.forgetting.erasure import Erasing, Substrate
from memory.forgetting.policies import Policies
from memory.forgetting.retention import Retention
from memory.forgetting.service import Forgetting
from memory.moving.exporting import Exporting
from memory.moving.importing import Importing
from memory.recall.service import Recall
from memory.recall.weights import Weights
from memory.sessions.quarantine import Quarantine
from memory.sessions.removal import Removal
from memory.sessions.service import Memory
from memory.types import Learner, Progress
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
    scanner: Scanner


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
    learners = (compressor, FactLearner(embedder=embedder, clock=clock))
    memory = Memory(
        db=db,
        embedder=embedder,
        counter=counter,
        progress=progress,
        limits=means.limits,
        clock=clock,
        learners=learners,
        scanner=means.scanner,
    )
    worn = (compressor, FactDependent(clock, reopens=False))
    retention = Retention(db=db, progress=progress, clock=clock, dependents=worn)
    return Remembering(
        memory=memory,
        recall=recall,
        facts=Facts(db=db, embedder=embedder, progress=progress, limits=means.limits, clock=clock, scanner=means.scanner),
        quarantine=_quarantine(means, learners, compressor),
        removal=Removal(db=db, embedder=embedder, counter=counter, progress=progress, clock=clock, dependents=dependents),
        compression=compression,
        forgetting=Forgetting(db=db, recall=recall, progress=progress, clock=clock, limits=means.limits, dependents=dependents),
        erasing=erasing,
        exporting=Exporting(db=db, clock=clock),
        importing=Importing(db=db, memory=memory, embedder=embedder, progress=progress, limits=means.limits, clock=clock),
        policies=Policies(db=db, clock=clock),
        retention=retention,
        work={
            "compressor": compressor.run,
            "erasing": erasing.run,
            "consolidation": Consolidation(db=db, clock=clock).run,
            "retention": retention.run,
        },
    )


def _quarantine(means: Means, learners: Sequence[Learner], compressor: Compressor) -> Quarantine:
    return Quarantine(
        db=means.database,
        embedder=means.embedder,
        counter=means.counter,
        progress=means.progress,
        clock=means.clock,
        learners=learners,
        dependents=(compressor,),
    )
