"""Reads the numbered migration files of an engine, which are the only way a schema changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import runtime_core
from runtime_core.domain.frozen import dataclass
from runtime_core.errors import SchemaOutOfDate, StoreError

MIGRATIONS = Path(runtime_core.__file__).parent / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file: `name` is the file's, `sha256` the hexadecimal digest of its bytes."""

    number: int
    name: str
    sql: str
    sha256: str


def read_migrations(folder: Path) -> list[Migration]:
    """Read an engine's migrations, in order.

    Raises:
        StoreError: The folder holds none, a name is not `0001_what_it_does.sql`, or a number is missing or there twice.
    """
    migrations = [_read(path) for path in sorted(folder.glob("*.sql"))]
    numbers = [each.number for each in migrations]
    if not migrations or numbers != list(range(1, len(numbers) + 1)):
        raise StoreError(f"{folder} must hold migrations numbered from 0001 without a gap, found {numbers}")
    return migrations


def missing(migrations: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Give the migrations that were not applied yet, in order.

    Args:
        applied: Digest by number, as the database remembers it; numbers newer than ours are a newer version's.

    Raises:
        SchemaOutOfDate: A file was changed after it was applied.
    """
    for each in migrations:
        if applied.get(each.number, each.sha256) != each.sha256:
            raise SchemaOutOfDate(
                f"{each.name} was changed after it was applied: restore the file, and put the change in a new migration"
            )
    return [each for each in migrations if each.number not in applied]


def _read(path: Path) -> Migration:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise StoreError(f"{path} is not named like 0001_what_it_does.sql")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Migration(number=int(match[1]), name=path.name, sql=content.decode(), sha256=digest)
