"""Benchmark of search recall: `python -m tests.bench.recall` (`make bench-recall`).

It uses the word vectors of the local provider, on SQLite and on Postgres, and the labelled sets beside this file: the
set that the ranking was tuned on, and a held-out set that is only measured.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime_core.adapters.local.embedding import LocalEmbeddingModel
from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.ports import DatabaseAdapter, MemoryFilter, MemoryQuery
from runtime_core.testing import Scene
from tests.databases import PostgresServer

MODEL = "word vectors"
WAYS = ("text", "vector", "fused")
DEPTH = 10
TUNED_ON, HELD_OUT = "labelled.toml", "held_out.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and the texts that search should find."""

    kind: str
    ask: str
    finds: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A labelled set: texts and questions."""

    texts: tuple[str, ...]
    questions: tuple[Question, ...]

    @classmethod
    def read(cls, name: str = TUNED_ON) -> Labelled:
        given = tomllib.loads(Path(__file__).with_name(name).read_text())
        records = [
            each["text"].format(number=each["first"] + n, place=each["places"][n % len(each["places"])])
            for each in given["records"]
            for n in range(each["count"])
        ]
        texts = (*given["said"], *records)
        questions = tuple(
            Question(kind=each["kind"], ask=each["ask"], finds=frozenset(_find(texts, part) for part in each["finds"]))
            for each in given["questions"]
        )
        return cls(texts=texts, questions=questions)


def _find(texts: Sequence[str], part: str) -> str:
    (found,) = (each for each in texts if part in each)
    return found


async def recall_at(database: DatabaseAdapter, labelled: Labelled, depth: int = DEPTH) -> dict[tuple[str, str], float]:
    """Compute the mean recall at a depth, by way and kind.

    The kind `all` is the mean over all kinds.
    """
    scene, model = Scene(), LocalEmbeddingModel()
    vectors = (await model.embed(labelled.texts)).vectors
    memories = [scene.memory(text, embedding=vector) for text, vector in zip(labelled.texts, vectors, strict=True)]
    await database.memories.create(scene.agent_id, memories, embedding_model=MODEL)
    shares: dict[tuple[str, str], list[float]] = {}
    for question in labelled.questions:
        vector = (await model.embed([question.ask])).vectors[0]
        for way in WAYS:
            query = MemoryQuery(
                text="" if way == "vector" else question.ask,
                embedding=None if way == "text" else vector,
                model=MODEL,
                limit=depth,
            )
            hits = await database.memories.search(scene.agent_id, query, MemoryFilter())
            found = question.finds & {hit.memory.content.text for hit in hits}
            for kind in (question.kind, "all"):
                shares.setdefault((way, kind), []).append(len(found) / len(question.finds))
    return {key: sum(values) / len(values) for key, values in shares.items()}


async def bench() -> None:
    sets = {name: Labelled.read(name) for name in (TUNED_ON, HELD_OUT)}
    for name, labelled in sets.items():
        sys.stdout.write(f"{name}: {len(labelled.texts)} texts, {len(labelled.questions)} questions\n")
    with tempfile.TemporaryDirectory() as folder:
        database = SqliteAdapter(Path(folder) / "bench.db")
        await database.migrate()
        await _report("sqlite", database, sets)
    server = await asyncio.to_thread(PostgresServer.create)
    try:
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.make_template)
        await _report("postgres", PostgresAdapter(server.url(await asyncio.to_thread(server.new_database))), sets)
    finally:
        await asyncio.to_thread(server.remove)


async def _report(engine: str, database: DatabaseAdapter, sets: Mapping[str, Labelled]) -> None:
    for name, labelled in sets.items():
        for depth in (DEPTH, 3):
            found = await recall_at(database, labelled, depth)
            for way in WAYS:
                shown = "  ".join(f"{kind} {found[way, kind]:.3f}" for kind in ("all", "exact", "meaning", "mixed"))
                sys.stdout.write(f"{name:14} {engine:9} {way:7} recall@{depth:<3} {shown}\n")
    await database.close()


def main() -> None:
    with asyncio.Runner() as runner:
        runner.run(bench())


if __name__ == "__main__":
    main()
