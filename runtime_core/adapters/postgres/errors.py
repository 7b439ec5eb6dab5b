"""Translation of asyncpg's errors into store errors, with the cause kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ssl import SSLCertVerificationError

from asyncpg import exceptions as driver

from runtime_core.adapters.postgres.schema import SCHEMA_VERSION
from runtime_core.errors import (
    DimensionMismatch,
    DuplicateRecord,
    InvalidRecord,
    LeaseLost,
    MayflyError,
    RecordNotFound,
    SchemaOutOfDate,
    StoreError,
    StoreUnavailable,
)

# SQLSTATEs that the SQL functions of the migrations raise.
OWN: Mapping[str, type[MayflyError]] = {
    "MF001": SchemaOutOfDate,
    "MF002": LeaseLost,
    "MF003": DimensionMismatch,
    "MF004": RecordNotFound,
}

# The database or the network failed; a retry can succeed.
_UNAVAILABLE: tuple[type[BaseException], ...] = (
    driver.IdleInTransactionSessionTimeoutError,
    driver.IdleSessionTimeoutError,
    driver.InsufficientResourcesError,
    driver.InterfaceError,  # the connection was closed during use
    driver.InvalidCachedStatementError,  # the schema changed between two calls
    driver.InvalidSQLStatementNameError,  # a pooler switched to another server connection
    driver.ObjectNotInPrerequisiteStateError,
    driver.OperatorInterventionError,
    driver.OutdatedSchemaCacheError,
    driver.PostgresConnectionError,
    driver.PostgresIOError,
    driver.PostgresSystemError,
    driver.ReadOnlySQLTransactionError,  # a failover is in progress
    driver.TargetServerAttributeNotMatched,
    driver.TransactionRollbackError,
    driver.TransactionTimeoutError,
)

# The schema does not match this release.
_OUT_OF_DATE: tuple[type[BaseException], ...] = (
    driver.InvalidSchemaNameError,
    driver.UndefinedColumnError,
    driver.UndefinedFunctionError,
    driver.UndefinedObjectError,
    driver.UndefinedTableError,
)

# The database rejected the values.
_INVALID: tuple[type[BaseException], ...] = (
    driver.DataError,
    driver.IntegrityConstraintViolationError,
    driver.ProgramLimitExceededError,
    driver.WithCheckOptionViolationError,
)

# A wrong setting, a missing right or a defect: a retry cannot help.
_FINAL: tuple[type[BaseException], ...] = (
    driver.CardinalityViolationError,
    driver.CaseNotFoundError,
    driver.ClientConfigurationError,
    driver.ConfigFileError,
    driver.DependentPrivilegeDescriptorsStillExistError,
    driver.DiagnosticsError,
    driver.ExternalRoutineError,
    driver.ExternalRoutineInvocationError,
    driver.FDWError,
    driver.FeatureNotSupportedError,
    driver.InternalClientError,
    driver.InternalServerError,
    driver.InvalidArgumentForXqueryError,
    driver.InvalidAuthorizationSpecificationError,
    driver.InvalidCatalogNameError,
    driver.InvalidCursorNameError,
    driver.InvalidCursorStateError,
    driver.InvalidGrantorError,
    driver.InvalidRoleSpecificationError,
    driver.InvalidTransactionInitiationError,
    driver.InvalidTransactionStateError,
    driver.InvalidTransactionTerminationError,
    driver.LocatorError,
    driver.PLPGSQLError,
    driver.SavepointError,
    driver.SnapshotTooOldError,
    driver.SQLRoutineError,
    driver.SQLStatementNotYetCompleteError,
    driver.SyntaxOrAccessError,
    driver.TriggeredActionError,
    driver.TriggeredDataChangeViolationError,
    driver.UnknownPostgresError,
    driver.UnsupportedClientFeatureError,
    driver.UnsupportedServerFeatureError,
)

# The nearest class in an error's MRO decides. The driver's base class is missing on purpose: a new class of a newer
# driver fails a test until it is listed here.
MAPPED: Mapping[type[BaseException], type[StoreError]] = {
    driver.UniqueViolationError: DuplicateRecord,
    **dict.fromkeys(_UNAVAILABLE, StoreUnavailable),
    **dict.fromkeys(_OUT_OF_DATE, SchemaOutOfDate),
    **dict.fromkeys(_INVALID, InvalidRecord),
    **dict.fromkeys(_FINAL, StoreError),
}

# Errors of a lost connection; the statement may or may not have run.
_LOST = (
    OSError,
    driver.PostgresConnectionError,
    driver.AdminShutdownError,
    driver.CrashShutdownError,
    driver.IdleSessionTimeoutError,
)


def is_connection_lost(error: Exception) -> bool:
    """Check whether an error means a lost connection.

    asyncpg reports a closed connection as `InterfaceError`.
    """
    return isinstance(error, _LOST) or (isinstance(error, driver.InterfaceError) and "closed" in str(error))


def has_not_run(error: Exception) -> bool:
    """Check whether a pooler lost the prepared statement before it ran.

    Any statement can then be retried.
    """
    return isinstance(error, driver.InvalidSQLStatementNameError)


@contextmanager
def store_errors() -> Iterator[None]:
    """Translate the errors of asyncpg."""
    try:
        yield
    except SSLCertVerificationError as error:
        raise StoreError(
            f"the database's certificate is not trusted ({error.verify_message}): "
            "set sslrootcert in DATABASE_URL to the trusted certificates"
        ) from error
    except FileNotFoundError as error:
        reason = "a file named by DATABASE_URL (sslrootcert, a socket) is missing"
        raise StoreError(reason) from error
    except OSError as error:
        reason = f": {error}" if str(error) else " in time"
        raise StoreUnavailable(f"the database did not answer{reason}") from error
    except driver.PostgresError as error:
        raise _translate(error) from error
    except (driver.InterfaceError, driver.InternalClientError) as error:
        raise map_kind(type(error))(str(error)) from error


def map_kind(kind: type[BaseException]) -> type[StoreError]:
    """Map an error class of asyncpg to a store error class."""
    return next((MAPPED[base] for base in kind.__mro__ if base in MAPPED), StoreError)


def _translate(error: driver.PostgresError) -> MayflyError:
    own = OWN.get(str(error.sqlstate))
    if own is not None:
        return own(str(error))
    kind = map_kind(type(error))
    if kind is SchemaOutOfDate:
        reason = str(error).splitlines()[0]
        return SchemaOutOfDate(
            f"the database is behind schema version {SCHEMA_VERSION}, which this release needs ({reason}): "
            "run `mayfly migrate`"
        )
    return kind(str(error))
