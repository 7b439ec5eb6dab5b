"""The orchestrator: agents of a process, and dispatch of messages."""
