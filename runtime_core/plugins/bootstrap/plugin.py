"""The plugin `bootstrap`: the list of its components."""

from __future__ import annotations

from runtime_core.components import Plugin
from runtime_core.plugins.bootstrap.actions.ignore import ignore
from runtime_core.plugins.bootstrap.actions.none import none
from runtime_core.plugins.bootstrap.actions.reply import reply
from runtime_core.plugins.bootstrap.providers.action_state import action_state
from runtime_core.plugins.bootstrap.providers.actions import actions
from runtime_core.plugins.bootstrap.providers.character import character
from runtime_core.plugins.bootstrap.providers.entities import entities
from runtime_core.plugins.bootstrap.providers.providers import providers
from runtime_core.plugins.bootstrap.providers.recent_messages import recent_messages
from runtime_core.plugins.bootstrap.providers.time import time
from runtime_core.plugins.bootstrap.providers.world import world
from runtime_core.plugins.bootstrap.services.database import DatabaseService
from runtime_core.plugins.bootstrap.services.embedding import EmbeddingService
from runtime_core.plugins.bootstrap.services.task import TaskService

plugin = Plugin(
    name="bootstrap",
    description="Answering, and knowing who and where",
    actions=(reply, ignore, none),
    providers=(character, providers, actions, world, entities, recent_messages, action_state, time),
    services=(DatabaseService, EmbeddingService, TaskService),
)
