"""The runtime: elizaOS's core as a Python package, for processes that live for one message.

What the reference's examples import comes from here. Each name is loaded when it is first used, so that
importing the package costs a cold start nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime_core.character import Character, load_character
    from runtime_core.chat import ModelType
    from runtime_core.components import Action, ActionOptions, Evaluator, Plugin, Provider, ProviderResult, Route
    from runtime_core.connections import Connection
    from runtime_core.errors import (
        ActionError,
        AgentAlreadyRegistered,
        AgentError,
        AgentNotFound,
        DeadlineExceeded,
        DuplicateComponent,
        InvalidInput,
        MayflyError,
        ModelError,
        ModelNotFound,
        NoSendHandler,
        PluginCycle,
        PluginError,
        PluginNotFound,
        ServiceError,
        ServiceNotFound,
        SettingsError,
        StateError,
        StoreError,
    )
    from runtime_core.events import EventType
    from runtime_core.ids import string_to_uuid
    from runtime_core.memory import Content, Media, Memory, MemoryType
    from runtime_core.orchestrator.agent_config import AgentConfig
    from runtime_core.orchestrator.dispatch import Dispatched, HandledMessage
    from runtime_core.orchestrator.eliza_os import ElizaOS
    from runtime_core.orchestrator.events import OrchestratorEvent, OrchestratorEventType
    from runtime_core.orchestrator.health import Health
    from runtime_core.plugin_routes import RouteRequest, RouteResponse
    from runtime_core.plugins.openai import get_openai_plugin
    from runtime_core.records import Agent, Log
    from runtime_core.result import MessageProcessingResult, Mode
    from runtime_core.routing import TargetInfo
    from runtime_core.run import ActionResult, Run
    from runtime_core.runtime import AgentRuntime
    from runtime_core.runtime_config import RuntimeConfig
    from runtime_core.services import Service, ServiceType
    from runtime_core.settings import Settings
    from runtime_core.turn.planning import ToolCallContext, execute_planned_tool_call
    from runtime_core.turn.state import State
    from runtime_core.work.tasks import Task
    from runtime_core.world import (
        ChannelType,
        Component,
        Entity,
        Participant,
        ParticipantState,
        Relationship,
        Room,
        World,
    )

_MODULES = {
    "character": ("Character", "load_character"),
    "chat": ("ModelType",),
    "components": ("Action", "ActionOptions", "Evaluator", "Plugin", "Provider", "ProviderResult", "Route"),
    "connections": ("Connection",),
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
    "events": ("EventType",),
    "ids": ("string_to_uuid",),
    "memory": ("Content", "Media", "Memory", "MemoryType"),
    "orchestrator.agent_config": ("AgentConfig",),
    "orchestrator.dispatch": ("Dispatched", "HandledMessage"),
    "orchestrator.eliza_os": ("ElizaOS",),
    "orchestrator.events": ("OrchestratorEvent", "OrchestratorEventType"),
    "orchestrator.health": ("Health",),
    "plugin_routes": ("RouteRequest", "RouteResponse"),
    "plugins.openai": ("get_openai_plugin",),
    "records": ("Agent", "Log"),
    "result": ("MessageProcessingResult", "Mode"),
    "routing": ("TargetInfo",),
    "run": ("ActionResult", "Run"),
    "runtime": ("AgentRuntime",),
    "runtime_config": ("RuntimeConfig",),
    "services": ("Service", "ServiceType"),
    "settings": ("Settings",),
    "turn.planning": ("ToolCallContext", "execute_planned_tool_call"),
    "turn.state": ("State",),
    "work.tasks": ("Task",),
    "world": (
        "ChannelType",
        "Component",
        "Entity",
        "Participant",
        "ParticipantState",
        "Relationship",
        "Room",
        "World",
    ),
}
_WHERE = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})


__all__ = [
    "Action",
    "ActionError",
    "ActionOptions",
    "ActionResult",
    "Agent",
    "AgentAlreadyRegistered",
    "AgentConfig",
    "AgentError",
    "AgentNotFound",
    "AgentRuntime",
    "ChannelType",
    "Character",
    "Component",
    "Connection",
    "Content",
    "DeadlineExceeded",
    "Dispatched",
    "DuplicateComponent",
    "ElizaOS",
    "Entity",
    "Evaluator",
    "EventType",
    "HandledMessage",
    "Health",
    "InvalidInput",
    "Log",
    "MayflyError",
    "Media",
    "Memory",
    "MemoryType",
    "MessageProcessingResult",
    "Mode",
    "ModelError",
    "ModelNotFound",
    "ModelType",
    "NoSendHandler",
    "OrchestratorEvent",
    "OrchestratorEventType",
    "Participant",
    "ParticipantState",
    "Plugin",
    "PluginCycle",
    "PluginError",
    "PluginNotFound",
    "Provider",
    "ProviderResult",
    "Relationship",
    "Room",
    "Route",
    "RouteRequest",
    "RouteResponse",
    "Run",
    "RuntimeConfig",
    "Service",
    "ServiceError",
    "ServiceNotFound",
    "ServiceType",
    "Settings",
    "SettingsError",
    "State",
    "StateError",
    "StoreError",
    "TargetInfo",
    "Task",
    "ToolCallContext",
    "World",
    "execute_planned_tool_call",
    "get_openai_plugin",
    "load_character",
    "string_to_uuid",
]
