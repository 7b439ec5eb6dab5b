"""`mayfly migrate`: applies or lists the missing migrations."""

from __future__ import annotations

import asyncio

import click

from runtime_core.cli.database import missing_migrations, open_database
from runtime_core.cli.examples import examples
from runtime_core.cli.failure import Failure
from runtime_core.cli.logs import log_to_stderr
from runtime_core.cli.settings import read_settings
from runtime_core.settings import Settings


@click.command(
    epilog=examples(
        "mayfly migrate", "mayfly migrate --check", "DATABASE_URL=postgresql://user:password@host/name mayfly migrate"
    ),
    short_help="Apply the missing database migrations.",
)
@click.option("--check", is_flag=True, help="Only list the missing migrations; exit with 1 if there are any.")
@click.pass_obj
def command(debug: bool, check: bool) -> None:
    """Apply the missing database migrations.

    DATABASE_URL names the database; the default is the SQLite file .data/mayfly.db. Concurrent runs
    are safe: each migration is applied once.
    """
    settings = read_settings()
    log_to_stderr("WARNING", debug=debug)
    with asyncio.Runner() as runner:
        runner.run(_check(settings) if check else _migrate(settings))


async def _migrate(settings: Settings) -> None:
    async with open_database(settings) as database:
        applied = await database.migrate()
        for name in applied:
            click.echo(f"applied {name}")
        if not applied:
            click.echo(f"Nothing to do: the database is at schema version {database.schema_version}.")


async def _check(settings: Settings) -> None:
    async with open_database(settings) as database:
        version = await database.ping()
        needed = database.schema_version
    if version >= needed:
        click.echo(f"The database is at schema version {version}; this version needs {needed}.")
        return
    for name in missing_migrations(settings, version):
        click.echo(f"missing {name}")
    raise Failure(
        f"the database is at schema version {version}, but this version needs {needed}.", hint="Run `mayfly migrate`."
    )
