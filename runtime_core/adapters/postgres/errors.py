"""asyncpg's errors become ours here, at one border, with the cause kept."""

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

# What our own SQL functions raise (see the migrations).
OWN: Mapping[str, type[MayflyError]] = {
    "MF001": SchemaOutOfDate,
    "MF002": LeaseLost,
    "MF003": DimensionMismatch,
    "MF004": RecordNotFound,
}

# The database, or the way to it, failed; the same call can succeed later.
_UNAVAILABLE: tuple[type[BaseException], ...] = (
    driver.IdleInTransactionSessionTimeoutError,
    driver.IdleSessionTimeoutError,
    driver.InsufficientResourcesError,
    driver.InterfaceError,  # the connection was closed under us
    driver.InvalidCachedStatementError,  # the schema changed between two calls
    driver.InvalidSQLStatementNameError,  # a pooler gave us another server connection
    driver.ObjectNotInPrerequisiteStateError,
    driver.OperatorInterventionError,
    driver.OutdatedSchemaCacheError,
    driver.PostgresConnectionError,
    driver.PostgresIOError,
    driver.PostgresSystemError,
    driver.ReadOnlySQLTransactionError,  # a failover is under way
    driver.TargetServerAttributeNotMatched,
    driver.TransactionRollbackError,
    driver.TransactionTimeoutError,
)

# The schema is not the one this release was written for.
_OUT_OF_DATE: tuple[type[BaseException], ...] = (
    driver.InvalidSchemaNameError,
    driver.UndefinedColumnError,
    driver.UndefinedFunctionError,
    driver.UndefinedObjectError,
    driver.UndefinedTableError,
)

# The values were refused.
_INVALID: tuple[type[BaseException], ...] = (
    driver.DataError,
    driver.IntegrityConstraintViolationError,
    driver.ProgramLimitExceededError,
    driver.WithCheckOptionViolationError,
)

# A wrong setting, a missing right or a defect: waiting mends none of them.
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

# The nearest class in an error's ancestry decides. The driver's base class is missing on purpose: a class
# that a new driver brings has to be placed (a test fails until it is).
MAPPED: Mapping[type[BaseException], type[StoreError]] = {
    driver.UniqueViolationError: DuplicateRecord,
    **dict.fromkeys(_UNAVAILABLE, StoreUnavailable),
    **dict.fromkeys(_OUT_OF_DATE, SchemaOutOfDate),
    **dict.fromkeys(_INVALID, InvalidRecord),
    **dict.fromkeys(_FINAL, StoreError),
}

# Only these say that the connection is gone; a statement may or may not have run.
_LOST = (
    OSError,
    driver.PostgresConnectionError,
    driver.AdminShutdownError,
    driver.CrashShutdownError,
    driver.IdleSessionTimeoutError,
)


def connection_was_lost(error: Exception) -> bool:
    """Say whether a new connection could help; `InterfaceError` is how asyncpg reports a closed one."""
    return isinstance(error, _LOST) or (isinstance(error, driver.InterfaceError) and "closed" in str(error))


def nothing_ran(error: Exception) -> bool:
    """Say whether a pooler took the statement away between parsing and running it: then any can be repeated."""
    return isinstance(error, driver.InvalidSQLStatementNameError)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except SSLCertVerificationError as error:
        raise StoreError(
            f"the database's certificate is not trusted ({error.verify_message}): "
            "sslrootcert in DATABASE_URL names the certificates to trust"
        ) from error
    except FileNotFoundError as error:
        named = "a file that DATABASE_URL names (sslrootcert, a socket) is not there"
        raise StoreError(named) from error
    except OSError as error:
        reason = f": {error}" if str(error) else " in time"
        raise StoreUnavailable(f"the database did not answer{reason}") from error
    except driver.PostgresError as error:
        raise _translated(error) from error
    except (driver.InterfaceError, driver.InternalClientError) as error:
        raise mapped(type(error))(str(error)) from error


def mapped(kind: type[BaseException]) -> type[StoreError]:
    """Our class for one of the driver's."""
    return next((MAPPED[base] for base in kind.__mro__ if base in MAPPED), StoreError)


def _translated(error: driver.PostgresError) -> MayflyError:
    own = OWN.get(str(error.sqlstate))
    if own is not None:
        return own(str(error))
    kind = mapped(type(error))
    if kind is SchemaOutOfDate:
        reason = str(error).splitlines()[0]
        return SchemaOutOfDate(
            f"the database is behind schema version {SCHEMA_VERSION}, which this release needs ({reason}): "
            "run `mayfly migrate`"
        )
    return kind(str(error))
