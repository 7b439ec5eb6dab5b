"""Results and queries of the built-in providers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime_core.adapters.sqlite import SqliteAdapter
from runtime_core.domain.memory import Content, Memory
from runtime_core.domain.world import ChannelType, World
from runtime_core.plugin_api import Plugin, Service
from runtime_core.plugins.bootstrap.plugin import plugin
from tests.integration.talk import Talk


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    database = SqliteAdapter(tmp_path / "mayfly.db")
    await database.migrate()
    talk = Talk(database)
    yield talk
    await talk.runtime.stop()
    await database.close()


ACTIONS = """REPLY IGNORE NONE FOLLOW_ROOM UNFOLLOW_ROOM MUTE_ROOM UNMUTE_ROOM SEND_MESSAGE UPDATE_ENTITY CHOOSE_OPTION
UPDATE_ROLE UPDATE_SETTINGS GENERATE_IMAGE"""
PROVIDERS = """ACTIONS ACTION_STATE ATTACHMENTS CAPABILITIES CHARACTER CHOICE ENTITIES EVALUATORS FACTS KNOWLEDGE
PROVIDERS RECENT_MESSAGES RELATIONSHIPS ROLES SETTINGS TIME WORLD"""


def test_every_component_of_the_reference_is_there_and_says_what_it_is_for() -> None:
    assert {each.name for each in plugin.actions} == set(ACTIONS.split())
    assert {each.name for each in plugin.providers} == set(PROVIDERS.split())
    assert {each.name for each in plugin.evaluators} == {"REFLECTION"}
    described = [each.description for each in plugin.actions] + [each.description for each in plugin.providers]
    assert all([*described, *(each.description for each in plugin.evaluators)])
    assert all(each.parameters["type"] == "object" for each in plugin.actions)


def test_no_two_actions_share_a_name_or_simile() -> None:
    names = [name for each in plugin.actions for name in (each.name, *each.similes)]
    assert len(names) == len(set(names))


class Kiln(Service):
    """Service with a description of its capability."""

    service_type = "KILN"
    capability = "Fires clay at up to 1300 degrees."

    @classmethod
    async def start(cls, _runtime: object) -> Kiln:
        return cls()

    async def stop(self) -> None:
        """Do nothing: no resource is open."""


async def test_capabilities_are_those_of_services_that_say_some(talk: Talk) -> None:
    await talk.open(plugins=[Plugin(name="kiln", services=(Kiln,))])
    await talk.say()
    assert "# What your services let you do\n- KILN: Fires clay at up to 1300 degrees." in talk.system


async def test_roles_of_those_who_take_part_are_told(talk: Talk) -> None:
    await talk.open()
    alan = await talk.join("Alan")
    roles = {str(alan): "ADMIN", str(talk.room_id): "ADMIN"}
    ownership = {"owner_id": str(talk.sender_id)}
    world = World(id=talk.world_id, metadata={"roles": roles, "ownership": ownership})
    await talk.database.records.update(talk.runtime.agent_id, [world])
    await talk.say()
    assert "# Who has a role here\n- Alan: ADMIN\n- Grace: OWNER\n" in talk.system


async def test_knowledge_is_found_by_the_message_s_words(talk: Talk) -> None:
    await talk.open()
    runtime = talk.runtime
    asked = Memory(entity_id=talk.sender_id, room_id=talk.room_id, content=Content(text="How hot is stoneware fired?"))
    for text in ("Stoneware: 1250.", "Bowls are round."):
        await runtime.create_memory({"room_id": talk.room_id, "content": {"text": text}}, "documents")
    state = await runtime.compose_state(asked, ["KNOWLEDGE"], only_include=True)
    assert "Stoneware: 1250." in state.text
    assert "Bowls are round." not in state.text


async def test_facts_stay_in_their_room(talk: Talk) -> None:
    await talk.open()
    runtime = talk.runtime
    await runtime.create_fact({"room_id": talk.room_id, "content": {"text": "Grace likes cobalt."}})
    await runtime.create_fact({"room_id": talk.world_id, "content": {"text": "Alan hates cobalt."}})
    asked = Memory(entity_id=talk.sender_id, room_id=talk.room_id, content=Content(text="cobalt?"))
    state = await runtime.compose_state(asked, ["FACTS"], only_include=True)
    assert [each.content.text for each in state.provided("FACTS").data["facts"]] == ["Grace likes cobalt."]


async def test_evaluators_are_listed_for_code_and_never_for_the_model(talk: Talk) -> None:
    await talk.open()
    await talk.say()
    assert "REFLECTION" not in talk.system
    asked = Memory(entity_id=talk.sender_id, room_id=talk.room_id, content=Content(text="?"))
    state = await talk.runtime.compose_state(asked, ["EVALUATORS"], only_include=True)
    assert "- REFLECTION: " in state.text


async def test_a_plain_chat_s_prompt_holds_no_empty_section(talk: Talk) -> None:
    talk.channel = ChannelType.DM
    await talk.open()
    await talk.say("Hello")
    for title in ("Settings of this world", "Who has a role", "services let you", "waits for a choice", "Attachments"):
        assert title not in talk.system
