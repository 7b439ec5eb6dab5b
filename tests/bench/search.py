"""Benchmark of search: latency, and recall of the vector index against the exact answer.

Run `python -m tests.bench.search`. The corpus is one agent's memories, half of them in one room, the rest in rooms
of one per cent each. Word frequencies follow Zipf's law, as in English. The vectors are of 300 topics in a subspace of
48 dimensions, with noise in all dimensions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.memory import Content, Memory
from runtime_core.ports import DatabaseAdapter, MemoryFilter, MemoryQuery
from tests.databases import PostgresServer

AGENT = UUID(int=1)
SPEAKER = UUID(int=2)
LARGE_ROOM = UUID(int=1000)
SMALL_ROOM = UUID(int=1001)
MODEL = "bench"
START = datetime(2030, 1, 1, tzinfo=UTC)
TOPICS, LATENT, VOCABULARY, WORDS = 300, 48, 20_000, 14
SYLLABLES = (*(f"{each}a" for each in "bcdfghjkl"), *(f"{each}o" for each in "mnprstvwxyz"))
FIRST_WORD = 30  # more frequent ranks are stop words
NEAREST = 10
BATCH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Corpus: a vector, a text and a room for each memory.

    Attributes:
        vectors: Shape `(count, dimension)`, unit length.
    """

    vectors: Any
    texts: list[str]
    rooms: list[UUID]

    @classmethod
    def make(cls, count: int, dimension: int, seed: int) -> Corpus:
        generator = np.random.default_rng(seed)
        frame = np.random.default_rng(7).standard_normal((LATENT, dimension)).astype("float32")
        topics = np.random.default_rng(8).standard_normal((TOPICS, LATENT)).astype("float32")
        latent = topics[generator.integers(TOPICS, size=count)] + 0.6 * generator.standard_normal((count, LATENT))
        vectors = (latent @ frame).astype("float32")
        vectors += 0.3 * np.sqrt(LATENT) * generator.standard_normal((count, dimension), dtype="float32")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        frequency = 1 / np.arange(FIRST_WORD, VOCABULARY + FIRST_WORD)
        ranks = 1 + generator.choice(VOCABULARY, size=(count, WORDS), p=frequency / frequency.sum())
        texts = [" ".join(_word(int(rank)) for rank in row) for row in ranks]
        rooms = [LARGE_ROOM if n % 2 else UUID(int=SMALL_ROOM.int + n // 2 % 50) for n in range(count)]
        return cls(vectors=vectors, texts=texts, rooms=rooms)

    def nearest(self, vector: Any, room: UUID | None) -> list[int]:
        """Return the positions of the exact nearest vectors, in any order."""
        scores = self.vectors @ vector
        if room is not None:
            scores = np.where([each == room for each in self.rooms], scores, -2)
        best = np.argpartition(-scores, NEAREST)[:NEAREST]
        return [int(each) for each in best]


def _word(rank: int) -> str:
    letters = ""
    while rank:
        rank, part = divmod(rank, len(SYLLABLES))
        letters += SYLLABLES[part]
    return letters + "q"  # an ending that no stemmer removes


def memory_id(position: int) -> UUID:
    return UUID(int=1_000_000 + position)


def memories(corpus: Corpus) -> Iterator[Memory]:
    for position, (text, room) in enumerate(zip(corpus.texts, corpus.rooms, strict=True)):
        yield Memory(
            id=memory_id(position),
            agent_id=AGENT,
            entity_id=SPEAKER,
            room_id=room,
            content=Content(text=text),
            created_at=START + timedelta(seconds=position),
        )


@asynccontextmanager
async def on_postgres(corpus: Corpus) -> AsyncIterator[DatabaseAdapter]:
    """Start a server, fill it by COPY, and build the vector index afterwards."""
    server = await asyncio.to_thread(PostgresServer.create)
    try:
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.make_template)
        url = server.url(await asyncio.to_thread(server.new_database))
        await _fill(url, corpus)
        database = PostgresAdapter(url, max_connections=1)
        yield database
        await database.close()
    finally:
        await asyncio.to_thread(server.remove)


async def _fill(url: str, corpus: Corpus) -> None:
    connection = await asyncpg.connect(url)
    await connection.set_type_codec("vector", encoder=_vector_bytes, decoder=bytes, format="binary")
    dimension = corpus.vectors.shape[1]
    index = f"embeddings_near_{dimension}"
    definition = await connection.fetchval("select indexdef from pg_indexes where indexname = $1", index)
    await connection.execute(f"drop index {index}")
    rows = [
        (AGENT, each.id, "messages", SPEAKER, each.room_id, json.dumps({"text": each.content.text}), each.created_at)
        for each in memories(corpus)
    ]
    columns = ["agent_id", "id", "table_name", "entity_id", "room_id", "content", "created_at"]
    await connection.copy_records_to_table("memories", records=rows, columns=columns)
    for start in range(0, len(rows), BATCH):
        records = [
            (AGENT, memory_id(n), MODEL, dimension, "", corpus.vectors[n])
            for n in range(start, min(start + BATCH, len(rows)))
        ]
        columns = ["agent_id", "memory_id", "model", "dimension", "content_hash", "vector"]
        await connection.copy_records_to_table("embeddings", records=records, columns=columns)
    await connection.execute("set maintenance_work_mem = '2GB'")
    await connection.execute("set max_parallel_maintenance_workers = 1")
    await connection.execute(definition, timeout=3600)
    await connection.execute("vacuum analyze", timeout=3600)
    await connection.close()


def _vector_bytes(vector: Any) -> bytes:
    """Encode a vector for pgvector: dimension, zero, numbers, all big-endian."""
    return struct.pack(">HH", len(vector), 0) + bytes(vector.astype(">f4"))


@asynccontextmanager
async def on_sqlite(corpus: Corpus) -> AsyncIterator[DatabaseAdapter]:
    with tempfile.TemporaryDirectory() as folder:
        database = SqliteAdapter(Path(folder) / "bench.db")
        await database.migrate()
        batch: list[Memory] = []
        for position, memory in enumerate(memories(corpus), start=1):
            batch.append(replace(memory, embedding=tuple(corpus.vectors[position - 1].tolist())))
            if len(batch) == BATCH or position == len(corpus.texts):
                await database.memories.create(AGENT, batch, embedding_model=MODEL)
                batch = []
        yield database
        await database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of query."""

    name: str
    room: UUID | None
    words: bool


CASES = (
    Case(name="no filter, vector", room=None, words=False),
    Case(name="no filter, vector and words", room=None, words=True),
    Case(name="room of 50 %, vector", room=LARGE_ROOM, words=False),
    Case(name="room of 50 %, vector and words", room=LARGE_ROOM, words=True),
    Case(name="room of 1 %, vector", room=SMALL_ROOM, words=False),
    Case(name="room of 1 %, vector and words", room=SMALL_ROOM, words=True),
)


async def measure(database: DatabaseAdapter, corpus: Corpus, queries: Corpus, case: Case) -> dict[str, Any]:
    """Run every query once; the first three are warm-up."""
    which = MemoryFilter(room_ids=(case.room,) if case.room else ())
    times, answers = [], []
    for position, text in enumerate(queries.texts):
        query = MemoryQuery(
            text=" ".join(text.split()[:6]) if case.words else "",
            embedding=tuple(queries.vectors[position].tolist()),
            model=MODEL,
            limit=NEAREST,
        )
        started = time.perf_counter()
        hits = await database.memories.search(AGENT, query, which)
        times.append((time.perf_counter() - started) * 1000)
        answers.append({hit.memory.id for hit in hits})
    warm = sorted(times[3:])
    row: dict[str, Any] = {
        "case": case.name,
        "p50_ms": round(statistics.median(warm), 2),
        "p95_ms": round(warm[int(len(warm) * 0.95)], 2),
    }
    if not case.words:
        found = sum(
            len(answer & {memory_id(each) for each in corpus.nearest(vector, case.room)})
            for answer, vector in zip(answers, queries.vectors, strict=True)
        )
        row["recall_at_10"] = round(found / NEAREST / len(times), 4)
    return row


async def bench(engine: str, count: int, dimension: int, query_count: int) -> None:
    corpus, queries = Corpus.make(count, dimension, seed=1), Corpus.make(query_count, dimension, seed=2)
    opened = on_postgres if engine == "postgres" else on_sqlite
    started = time.perf_counter()
    async with opened(corpus) as database:
        sys.stdout.write(
            f"{engine}: {count:,} memories x {dimension}, ready in {time.perf_counter() - started:.0f} s\n"
        )
        for case in CASES:
            sys.stdout.write(json.dumps(await measure(database, corpus, queries, case)) + "\n")
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=["postgres", "sqlite"])
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, help="1,536 on postgres, 256 on sqlite")
    parser.add_argument("--queries", type=int, default=60)
    chosen = parser.parse_args()
    dimension = chosen.dimension or (1536 if chosen.engine == "postgres" else 256)
    with asyncio.Runner() as runner:
        runner.run(bench(chosen.engine, chosen.memories, dimension, chosen.queries))


if __name__ == "__main__":
    main()
