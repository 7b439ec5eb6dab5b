"""The orchestrator: agents of one process, and the dispatch of messages to them."""
