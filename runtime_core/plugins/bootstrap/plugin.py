"""The plugin `bootstrap`: its list of components."""

from __future__ import annotations

from runtime_core.plugin_api import Plugin
from runtime_core.plugins.bootstrap.actions.choose_option import choose_option
from runtime_core.plugins.bootstrap.actions.generate_image import generate_image
from runtime_core.plugins.bootstrap.actions.ignore import ignore
from runtime_core.plugins.bootstrap.actions.none import none
from runtime_core.plugins.bootstrap.actions.reply import reply
from runtime_core.plugins.bootstrap.actions.room_state import follow_room, mute_room, unfollow_room, unmute_room
from runtime_core.plugins.bootstrap.actions.send_message import send_message
from runtime_core.plugins.bootstrap.actions.update_entity import update_entity
from runtime_core.plugins.bootstrap.actions.update_role import update_role
from runtime_core.plugins.bootstrap.actions.update_settings import update_settings
from runtime_core.plugins.bootstrap.evaluators.reflection import reflection
from runtime_core.plugins.bootstrap.providers.action_state import action_state
from runtime_core.plugins.bootstrap.providers.actions import actions
from runtime_core.plugins.bootstrap.providers.attachments import attachments
from runtime_core.plugins.bootstrap.providers.capabilities import capabilities
from runtime_core.plugins.bootstrap.providers.character import character
from runtime_core.plugins.bootstrap.providers.choice import choice
from runtime_core.plugins.bootstrap.providers.entities import entities
from runtime_core.plugins.bootstrap.providers.evaluators import evaluators
from runtime_core.plugins.bootstrap.providers.facts import facts
from runtime_core.plugins.bootstrap.providers.knowledge import knowledge
from runtime_core.plugins.bootstrap.providers.providers import providers
from runtime_core.plugins.bootstrap.providers.recent_messages import recent_messages
from runtime_core.plugins.bootstrap.providers.relationships import relationships
from runtime_core.plugins.bootstrap.providers.roles import roles
from runtime_core.plugins.bootstrap.providers.settings import settings
from runtime_core.plugins.bootstrap.providers.time import time
from runtime_core.plugins.bootstrap.providers.world import world
from runtime_core.plugins.bootstrap.services.database import DatabaseService
from runtime_core.plugins.bootstrap.services.embedding import EmbeddingService
from runtime_core.plugins.bootstrap.services.task import TaskService

plugin = Plugin(
    name="bootstrap",
    description="Answering, and knowing who and where",
    actions=(
        reply,
        ignore,
        none,
        choose_option,
        follow_room,
        generate_image,
        mute_room,
        send_message,
        unfollow_room,
        unmute_room,
        update_entity,
        update_role,
        update_settings,
    ),
    providers=(
        character,
        providers,
        actions,
        world,
        entities,
        recent_messages,
        action_state,
        time,
        attachments,
        capabilities,
        choice,
        evaluators,
        facts,
        knowledge,
        relationships,
        roles,
        settings,
    ),
    evaluators=(reflection,),
    settings=("IMAGE_GENERATION", "ACTIVE_CONTEXTS", "ALWAYS_RESPOND_CHANNELS", "ALWAYS_RESPOND_SOURCES"),
    services=(DatabaseService, EmbeddingService, TaskService),
)
