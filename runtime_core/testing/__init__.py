"""Contract suites: what every adapter of a port has to keep, as pytest classes to inherit from.

An adapter proves itself by subclassing the suites where a fixture `database` gives an opened,
migrated, empty adapter (and `unmigrated` one that no migration was applied to):

    class TestTurns(TurnStoreContract): ...

The tests are coroutines: they run under pytest-asyncio in its `auto` mode.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.stores")  # before the suites are imported, or asserts tell nothing

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
