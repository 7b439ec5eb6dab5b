"""elizaOS's core runtime as a Python package, for processes that live for one message.

The public names. Each loads on first use, so that importing the package costs a cold start nothing;
`__init__.pyi` declares the same names for type checkers.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "agent.agent_config": ("AgentConfig",),
    "agent.components": (
        "Action",
        "ActionOptions",
        "Evaluator",
        "Plugin",
        "Provider",
        "ProviderResult",
        "Route",
    ),
    "agent.events": ("EventType",),
    "agent.send_handlers": ("TargetInfo",),
    "agent.services": (
        "Service",
        "ServiceType",
    ),
    "domain.character": (
        "Character",
        "load_character",
    ),
    "domain.chat": ("ModelType",),
    "domain.ids": ("string_to_uuid",),
    "domain.memory": (
        "Content",
        "Media",
        "Memory",
        "MemoryType",
    ),
    "domain.records": (
        "Agent",
        "Log",
    ),
    "domain.result": (
        "MessageProcessingResult",
        "Mode",
    ),
    "domain.run": (
        "ActionResult",
        "Run",
    ),
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
    "orchestrator.dispatch": (
        "Dispatched",
        "HandledMessage",
    ),
    "orchestrator.eliza_os": ("ElizaOS",),
    "orchestrator.events": (
        "OrchestratorEvent",
        "OrchestratorEventType",
    ),
    "orchestrator.health": ("Health",),
    "plugins.openai": ("get_openai_plugin",),
    "rooms.connections": ("Connection",),
    "runtime.plugin_routes": (
        "RouteRequest",
        "RouteResponse",
    ),
    "runtime.runtime": ("AgentRuntime",),
    "runtime.runtime_config": ("RuntimeConfig",),
    "settings": ("Settings",),
    "turn.planning": (
        "ToolCallContext",
        "execute_planned_tool_call",
    ),
    "turn.state": ("State",),
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
