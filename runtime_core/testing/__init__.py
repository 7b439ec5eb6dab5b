"""Contract test suites for the adapters of a port.

The suites are pytest base classes.

To test an adapter, subclass the suites in a module with a fixture `database`, an opened, migrated, empty adapter (and
`unmigrated`, one without migrations):

    class TestTurns(TurnStoreContract): ...

The tests are coroutines: they run under pytest-asyncio in its `auto` mode.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.stores")  # before the suites are imported, or failed asserts show no values

from runtime_core.testing.scene import Scene, census  # noqa: E402  # see above
from runtime_core.testing.stores import (  # noqa: E402  # see above
    DatabaseAdapterContract,
    EmbeddingStoreContract,
    KeyValueStoreContract,
    MemorySearchContract,
    MemoryStoreContract,
    RecallStoreContract,
    RecordStoreContract,
    TaskStoreContract,
    TurnHistoryContract,
    TurnStoreContract,
)

__all__ = [
    "DatabaseAdapterContract",
    "EmbeddingStoreContract",
    "KeyValueStoreContract",
    "MemorySearchContract",
    "MemoryStoreContract",
    "RecallStoreContract",
    "RecordStoreContract",
    "Scene",
    "TaskStoreContract",
    "TurnHistoryContract",
    "TurnStoreContract",
    "census",
]
