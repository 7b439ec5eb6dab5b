from runtime_core.testing.stores.cache import KeyValueStoreContract
from runtime_core.testing.stores.database import DatabaseAdapterContract
from runtime_core.testing.stores.embeddings import EmbeddingStoreContract
from runtime_core.testing.stores.memories import MemoryStoreContract
from runtime_core.testing.stores.recall import RecallStoreContract
from runtime_core.testing.stores.records import RecordStoreContract
from runtime_core.testing.stores.search import MemorySearchContract
from runtime_core.testing.stores.tasks import TaskStoreContract
from runtime_core.testing.stores.turn_history import TurnHistoryContract
from runtime_core.testing.stores.turns import TurnStoreContract

__all__ = [
    "DatabaseAdapterContract",
    "EmbeddingStoreContract",
    "KeyValueStoreContract",
    "MemorySearchContract",
    "MemoryStoreContract",
    "RecallStoreContract",
    "RecordStoreContract",
    "TaskStoreContract",
    "TurnHistoryContract",
    "TurnStoreContract",
]
