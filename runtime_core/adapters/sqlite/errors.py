"""The border where apsw's errors become ours; each names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from runtime_core.errors import DuplicateRecord, InvalidRecord, StoreError, StoreUnavailable

# Another process holds the file, the time was up, or the disk did not answer: later it may.
UNAVAILABLE: tuple[type[apsw.Error], ...] = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.InterruptError,
    apsw.ProtocolError,
    apsw.SchemaChangeError,
    apsw.IOError,
    apsw.NoMemError,
)
# The value is refused, not the database at fault.
INVALID: tuple[type[apsw.Error], ...] = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.RangeError)
# Somebody has to do something about the file, the disk or the installation.
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
    apsw.NotFoundError: "the file system lacks what SQLite needs",
    apsw.ExtensionLoadingError: "the vector extension (sqlite-vec) cannot be loaded",
    apsw.NoFTS5Error: "this SQLite has no full-text search",
}
# A defect of ours: a wrong statement, or the driver used in a way it forbids.
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
    """Raise the driver's errors as ours, with the cause kept."""
    try:
        yield
    except apsw.Error as error:
        raise translated(error, path) from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error


def translated(error: apsw.Error, path: str) -> StoreError:
    """Give our error for one of the driver's."""
    if isinstance(error, UNAVAILABLE):
        return StoreUnavailable(f"{path} did not answer in time: {error}")
    if isinstance(error, INVALID):
        return _refused(error)
    for kind, meaning in BROKEN.items():
        if isinstance(error, kind):
            return StoreError(f"{path}: {meaning} ({error})")
    return StoreError(f"{path}: {type(error).__name__}: {error}")


def _refused(error: apsw.Error) -> StoreError:
    result = _extended_result(error)
    if result in _DUPLICATE:
        return DuplicateRecord(f"a record like this is there already ({error})")
    if result == apsw.SQLITE_CONSTRAINT_FOREIGNKEY:
        return InvalidRecord(f"the record names another (an entity, a room, a world) that is not there ({error})")
    return InvalidRecord(str(error))


def _extended_result(error: apsw.Error) -> int:
    code: int = error.extendedresult  # type: ignore[attr-defined]  # set on every error of SQLite's, but not in the stub
    return code
