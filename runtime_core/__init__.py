"""elizaOS's core runtime as a Python package.

It is made for processes that live for one message. Each public name loads on first use, so that importing the package
costs a cold start nothing; `__init__.pyi` declares the same names for type checkers.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "agent.agent_config": ("AgentConfig",),
    "domain.character": ("Character", "load_character"),
    "domain.chat": ("ModelType",),
    "domain.events": ("EventType",),
    "domain.ids": ("string_to_uuid",),
    "domain.memory": ("Content", "Media", "Memory", "MemoryType"),
    "domain.records": ("Agent", "Log"),
    "domain.result": ("MessageProcessingResult", "Mode"),
    "domain.routing": ("TargetInfo",),
    "domain.run": ("ActionOptions", "ActionResult", "Run"),
    "domain.state": ("ProviderResult", "State"),
    "domain.task": ("Task",),
    "domain.world": (
        "ChannelType",
        "Component",
        "Entity",
        "Participant",
        "ParticipantState",
        "Relationship",
        "Room",
        "World",
    ),
    "errors": (
        "ActionError",
        "AgentAlreadyRegistered",
        "AgentError",
        "AgentNotFound",
        "DeadlineExceeded",
        "DuplicateComponent",
        "InvalidInput",
        "MayflyError",
        "ModelError",
        "ModelNotFound",
        "NoSendHandler",
        "PluginCycle",
        "PluginError",
        "PluginNotFound",
        "ServiceError",
        "ServiceNotFound",
        "SettingsError",
        "StateError",
        "StoreError",
    ),
    "orchestrator.dispatch": ("Dispatched", "HandledMessage"),
    "orchestrator.eliza_os": ("ElizaOS",),
    "orchestrator.events": ("OrchestratorEvent", "OrchestratorEventType"),
    "orchestrator.health": ("Health",),
    "plugin_api": (
        "Action",
        "Context",
        "Evaluator",
        "ModelHandler",
        "Plugin",
        "Provider",
        "Route",
        "Service",
        "ServiceType",
        "TaskWorker",
    ),
    "plugins.openai": ("get_openai_plugin",),
    "rooms.connections": ("Connection",),
    "domain.routes": ("RouteRequest", "RouteResponse"),
    "runtime.runtime": ("AgentRuntime",),
    "runtime.runtime_config": ("RuntimeConfig",),
    "settings": ("Settings",),
    "turn.act": ("ToolCallContext", "execute_planned_tool_call"),
}
_WHERE = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

__all__ = [*sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
