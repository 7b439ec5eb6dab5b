"""`mayfly backfill`: embeds stored memories with a new model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from runtime_core.cli.examples import examples
from runtime_core.cli.failure import Failure
from runtime_core.cli.logs import log_to_stderr
from runtime_core.cli.settings import read_settings
from runtime_core.deployment.deployment import Deployment
from runtime_core.queues.embedding.backfill import Backfill, BackfillReport
from runtime_core.runtime.runtime import AgentRuntime
from runtime_core.settings import Settings

_SHOWN = 10  # failed memories printed per agent


@click.command(
    epilog=examples(
        "mayfly backfill --model text-embedding-3-large",
        "mayfly backfill --model text-embedding-3-large --dimension 1024 --agent Ada",
    ),
    short_help="Embed stored memories with a new model.",
)
@click.option("--model", required=True, help="The new embedding model, a value for EMBEDDING_MODEL.")
@click.option("--dimension", type=click.IntRange(min=1), help="Length of its vectors, a value for EMBEDDING_DIMENSION.")
@click.option("--agent", "agents", multiple=True, help="Name or id of an agent; repeatable. Default: every agent.")
@click.pass_obj
def command(debug: bool, model: str, dimension: int | None, agents: tuple[str, ...]) -> None:
    """Embed stored memories with a new model.

    Each memory keeps its embedding of the current model, which stays in use, and gets one of the new
    model. An interrupted run resumes when it is repeated. Afterwards set EMBEDDING_MODEL to the new
    model, deploy, and run the command again for the memories created in the meantime.
    """
    settings = read_settings()
    log_to_stderr("WARNING", debug=debug)
    changes = {"embedding_model": model} | ({"embedding_dimension": dimension} if dimension else {})
    with asyncio.Runner() as runner:
        failed = runner.run(_backfill(settings.model_copy(update=changes), model, agents))
    if failed:
        raise Failure(f"{failed} memories could not be embedded with {model}.", hint="Run the command again.")
    click.echo(f"Done. Set EMBEDDING_MODEL={model}, deploy, and run the command again for new memories.")


async def _backfill(settings: Settings, model: str, names: Sequence[str]) -> int:
    """Embed the memories of each agent.

    Returns:
        The number of failed memories.
    """
    failed = 0
    async with Deployment.open(settings) as deployment:
        for agent_id in [deployment.agent_id(name) for name in names] or [each.agent_id for each in deployment.agents]:
            runtime = await deployment.runtime(agent_id)
            try:
                report = await _embedded(runtime, model)
            finally:
                await runtime.stop()
            failed += len(report.failed)
            _print_report(runtime.character.name, report)
    return failed


async def _embedded(runtime: AgentRuntime, model: str) -> BackfillReport:
    name, used = runtime.character.name, runtime.embedding_model()
    if used != model:
        raise Failure(
            f"agent {name} embeds with {used or 'no model'}: its character or plugin overrides EMBEDDING_MODEL.",
            hint="Pass that model as --model, or change it in the character or the plugin.",
        )

    async def embed(texts: Sequence[str]) -> Sequence[tuple[float, ...]]:
        return (await runtime.embed(texts, max_retries=0)).vectors

    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None)
        backfill = Backfill(
            runtime.agent_id,
            store=runtime.database.embeddings,
            embed=embed,
            model=model,
            on_embedded=lambda count: progress.advance(task, count),
        )
        return await backfill.run()


def _print_report(name: str, report: BackfillReport) -> None:
    click.echo(f"{name}: {report.embedded} memories embedded")
    for memory_id, reason in list(report.failed.items())[:_SHOWN]:
        click.echo(f"  {memory_id}: {reason}", err=True)
