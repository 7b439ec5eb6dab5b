"""`mayfly ingest`: adds documents to an agent's knowledge."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from runtime_core.cli.examples import examples
from runtime_core.cli.failure import Failure
from runtime_core.cli.logs import log_to_stderr
from runtime_core.cli.settings import read_settings
from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.embedding_job import Priority
from runtime_core.domain.memory import Memory
from runtime_core.errors import InvalidInput, MayflyError
from runtime_core.queues.embedding.batch_queue import BatchQueue, Failed, QueueLimits, Verdict
from runtime_core.queues.embedding.queueing import enqueue_embeddings, queue_url
from runtime_core.queues.embedding.worker import drain_jobs
from runtime_core.recall.knowledge import Document, IngestOutcome, Library, find_removed
from runtime_core.recall.passages import split_passages
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings
from runtime_core.support import background
from runtime_core.wiring import extract, readable_suffixes

_SUFFIXES = readable_suffixes()  # loads the readers: a missing one is reported before anything is done
_BATCH = 256  # passages per embedding call


@click.command(
    epilog=examples(
        "mayfly ingest docs/", "mayfly ingest handbook.pdf prices.csv --agent Ada", "mayfly ingest docs/ --sync"
    ),
    short_help="Add documents to an agent's knowledge.",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--agent", "agent", help="Name or id of the agent. Default: the deployment's first.")
@click.option("--sync", is_flag=True, help="Also remove documents of these paths whose files were deleted.")
@click.pass_obj
def command(debug: bool, paths: tuple[Path, ...], agent: str | None, sync: bool) -> None:
    """Add documents to an agent's knowledge.

    PATH is a file or a folder, which is read recursively: text, Markdown, HTML, PDF, DOCX, CSV, JSON.
    Unchanged files are skipped, so repeat an interrupted run. A document is identified by its path
    relative to the working directory: run the command from the same directory each time.
    """
    settings = read_settings()
    log_to_stderr("WARNING", debug=debug)
    with asyncio.Runner() as runner:
        failed = runner.run(_ingest(settings, paths, agent, sync=sync))
    if failed:
        raise Failure(f"{failed} files could not be read.", hint="The errors above name the causes.")


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of the paths, each once.

    In folders only visible files of a supported type count.
    """
    seen: set[Path] = set()
    for path in paths:
        found = sorted(_inside(path)) if path.is_dir() else [path]
        for file in found:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _inside(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if not hidden and file.is_file() and file.suffix.lower() in _SUFFIXES:
            yield file


def source_of(path: Path) -> str:
    """Return a document's identity: its POSIX path relative to the working directory."""
    return Path(os.path.relpath(path)).as_posix()


async def _ingest(settings: Settings, paths: Sequence[Path], agent: str | None, *, sync: bool) -> int:
    async with Deployment.open(settings) as deployment:
        runtime = await deployment.runtime(deployment.agent_id(agent))
        try:
            return await _Intake(runtime).run(paths, sync=sync)
        finally:
            await background.finished(runtime)
            await runtime.stop()


class _Intake:
    """One run: reads and stores documents, and embeds their passages.

    With an embedding queue the passages are enqueued instead of embedded here.
    """

    def __init__(self, runtime: AgentRuntime) -> None:
        self._runtime = runtime
        self._library = Library(runtime.agent_id, runtime.database, wants_embeddings=runtime.embeds)
        self._counts: Counter[IngestOutcome] = Counter()
        self._failed = 0
        self._unembedded = 0
        self._uses_queue = queue_url(runtime.settings, Priority.LOW) is not None
        self._queue: BatchQueue[UUID] = BatchQueue(
            self._embed, limits=QueueLimits(batch_size=_BATCH, capacity=2 * _BATCH), on_failed=self._not_embedded
        )

    async def run(self, paths: Sequence[Path], *, sync: bool) -> int:
        """Ingest the files.

        Returns:
            The number of files that could not be read.
        """
        files = list(files_of(paths))
        with _progress() as progress:
            task = progress.add_task("documents", total=len(files))
            for file in files:
                progress.update(task, description=source_of(file))
                await self._ingest_file(file)
                progress.advance(task)
            progress.update(task, description="embedding")
            await self._queue.drain()
        removed = await self._sync(paths, files) if sync else 0
        self._print_summary(removed)
        return self._failed

    async def _ingest_file(self, file: Path) -> None:
        try:
            text = await asyncio.to_thread(extract, file)
        except InvalidInput as error:
            self._failed += 1
            click.echo(f"{click.style('error', fg='red')}  {error}", err=True)
            return
        document = Document(source=source_of(file), title=file.name, passages=split_passages(text))
        intake, passages = await self._library.ingest(document)
        self._counts[intake] += 1
        if passages and self._runtime.embeds:
            await self._enqueue(passages)

    async def _enqueue(self, passages: Sequence[Memory]) -> None:
        if self._uses_queue:
            await enqueue_embeddings(self._runtime, passages, Priority.LOW)
            return
        for each in passages:
            await self._queue.put(each.id, Priority.LOW)
            if len(self._queue) == _BATCH:  # full batches need fewer model calls
                await self._queue.drain()

    async def _embed(self, ids: Sequence[UUID]) -> list[Verdict]:
        report = await drain_jobs(self._runtime, ids, Priority.LOW)
        return [Failed(report.retries[each].error) if each in report.retries else None for each in ids]

    def _not_embedded(self, _passage: UUID, error: MayflyError) -> None:
        if not self._unembedded:
            click.echo(f"{click.style('warning', fg='yellow')}  passages not embedded: {error}", err=True)
        self._unembedded += 1

    async def _sync(self, paths: Sequence[Path], files: Sequence[Path]) -> int:
        gone = list(
            find_removed(
                await self._library.sources(), [source_of(each) for each in files], [source_of(each) for each in paths]
            )
        )
        for source in gone:
            await self._library.remove(source)
        return len(gone)

    def _print_summary(self, removed: int) -> None:
        new, changed, known, empty = (
            self._counts[each]
            for each in (IngestOutcome.NEW, IngestOutcome.CHANGED, IngestOutcome.KNOWN, IngestOutcome.EMPTY)
        )
        stored = f"{new} new, {changed} changed, {known} unchanged" + (f", {empty} empty" if empty else "")
        click.echo(f"{self._runtime.character.name}: {stored}, {removed} removed")
        if self._unembedded:
            click.echo(f"{self._unembedded} passages are found by words only, until they are embedded.")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
