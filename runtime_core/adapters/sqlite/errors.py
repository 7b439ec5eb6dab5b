"""Translation of apsw's errors into store errors, which name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from runtime_core.errors import DuplicateRecord, InvalidRecord, StoreError, StoreUnavailable

# The file is locked, the time was up, or the disk failed: a retry can succeed.
UNAVAILABLE: tuple[type[apsw.Error], ...] = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.InterruptError,
    apsw.ProtocolError,
    apsw.SchemaChangeError,
    apsw.IOError,
    apsw.NoMemError,
)
# The database rejected the value.
INVALID: tuple[type[apsw.Error], ...] = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.RangeError)
# The file, the disk or the installation needs repair.
BROKEN: dict[type[apsw.Error], str] = {
    apsw.FullError: "the disk is full",
    apsw.ReadOnlyError: "the file or its folder is read-only",
    apsw.CantOpenError: "the file cannot be opened",
    apsw.NotADBError: "the file is not a SQLite database",
    apsw.CorruptError: "the file is damaged",
    apsw.FormatError: "the file is damaged",
    apsw.EmptyError: "the file is damaged",
    apsw.PermissionsError: "access to the file is not permitted",
    apsw.AuthError: "access to the file is not permitted",
    apsw.NoLFSError: "the file system cannot hold a file that large",
    apsw.NotFoundError: "the file system lacks an operation that SQLite needs",
    apsw.ExtensionLoadingError: "the vector extension (sqlite-vec) cannot be loaded",
    apsw.NoFTS5Error: "this SQLite has no full-text search",
}
# A defect of this package: a wrong statement, or misuse of the driver.
DEFECTS: tuple[type[apsw.Error], ...] = (
    apsw.SQLError,
    apsw.AbortError,
    apsw.BindingsError,
    apsw.ConnectionClosedError,
    apsw.ConnectionNotClosedError,
    apsw.CursorClosedError,
    apsw.ExecTraceAbort,
    apsw.ExecutionCompleteError,
    apsw.ForkingViolationError,
    apsw.IncompleteExecutionError,
    apsw.InternalError,
    apsw.InvalidContextError,
    apsw.MisuseError,
    apsw.ThreadingViolationError,
    apsw.VFSFileClosedError,
    apsw.VFSNotImplementedError,
)
_DUPLICATE = {
    apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
    apsw.SQLITE_CONSTRAINT_UNIQUE,
    apsw.SQLITE_CONSTRAINT_ROWID,
}


@contextmanager
def store_errors(path: str) -> Iterator[None]:
    """Translate the errors of apsw, with the cause kept."""
    try:
        yield
    except apsw.Error as error:
        raise translate(error, path) from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error


def translate(error: apsw.Error, path: str) -> StoreError:
    """Translate an error of apsw into a store error."""
    if isinstance(error, UNAVAILABLE):
        return StoreUnavailable(f"{path} did not answer in time: {error}")
    if isinstance(error, INVALID):
        return _translate_constraint(error)
    for kind, meaning in BROKEN.items():
        if isinstance(error, kind):
            return StoreError(f"{path}: {meaning} ({error})")
    return StoreError(f"{path}: {type(error).__name__}: {error}")


def _translate_constraint(error: apsw.Error) -> StoreError:
    result = _extended_result(error)
    if result in _DUPLICATE:
        return DuplicateRecord(f"the record already exists ({error})")
    if result == apsw.SQLITE_CONSTRAINT_FOREIGNKEY:
        return InvalidRecord(f"the record refers to an entity, a room or a world that does not exist ({error})")
    return InvalidRecord(str(error))


def _extended_result(error: apsw.Error) -> int:
    code: int = error.extendedresult  # type: ignore[attr-defined]  # set on every SQLite error, but missing in the stub
    return code
