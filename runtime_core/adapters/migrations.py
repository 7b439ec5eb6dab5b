"""Reader of an engine's numbered migration files.

Migrations are the only way to change a schema.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime_core.domain.frozen import dataclass
from runtime_core.errors import SchemaOutOfDate, StoreError

MIGRATIONS = Path(__file__).parents[1] / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration file.

    Attributes:
        name: Its file name.
        sha256: The hexadecimal digest of its bytes.
    """

    number: int
    name: str
    sql: str
    sha256: str


def read_migrations(folder: Path) -> list[Migration]:
    """Read an engine's migrations, sorted by number.

    Raises:
        StoreError: The folder is empty, a name is not `0001_what_it_does.sql`, or a number is missing or duplicate.
    """
    migrations = [_read(path) for path in sorted(folder.glob("*.sql"))]
    numbers = [each.number for each in migrations]
    if not migrations or numbers != list(range(1, len(numbers) + 1)):
        raise StoreError(f"{folder} must hold migrations numbered from 0001 without a gap, but holds {numbers}")
    return migrations


def missing(migrations: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Select the migrations that are not applied yet, sorted by number.

    Args:
        applied: Digest by number, as recorded in the database; a newer release may have applied higher numbers.

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
