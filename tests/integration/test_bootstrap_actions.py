"""Effects and permissions of the built-in actions, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from runtime_core.domain.chat import ModelType
from runtime_core.domain.memory import Content
from runtime_core.domain.records import Log
from runtime_core.domain.routing import TargetInfo
from runtime_core.domain.task import Task
from runtime_core.domain.world import ChannelType, Component, Participant, ParticipantState, Room, World
from runtime_core.plugin_api import Action, TaskWorker
from runtime_core.ports import DatabaseAdapter
from runtime_core.rooms.choices import AWAITING_CHOICE
from tests.integration.talk import Talk, calling


@pytest.fixture
async def talk(adapter: DatabaseAdapter) -> AsyncIterator[Talk]:
    await adapter.migrate()
    talk = Talk(adapter)
    yield talk
    await talk.runtime.stop()
    await adapter.close()


async def agent_state(talk: Talk) -> ParticipantState | None:
    found = await talk.database.records.find(
        Participant, talk.runtime.agent_id, room_id=talk.room_id, entity_id=talk.runtime.agent_id
    )
    return found[0].state


async def trail(talk: Talk, kind: str) -> list[Mapping[str, Any]]:
    return [each.body for each in await talk.database.records.find(Log, talk.runtime.agent_id, type=kind)]


async def world_of(talk: Talk) -> World:
    (world,) = await talk.database.records.get(World, talk.runtime.agent_id, [talk.world_id])
    return world


async def test_a_room_is_followed_and_unfollowed_on_demand(talk: Talk) -> None:
    await talk.open()
    assert (await talk.act("FOLLOW_ROOM")).success
    assert await agent_state(talk) is ParticipantState.FOLLOWED
    await talk.say("and nobody named")
    assert "UNFOLLOW_ROOM" in talk.offered
    assert "FOLLOW_ROOM" not in talk.offered
    assert (await talk.act("UNFOLLOW_CHANNEL")).success
    assert await agent_state(talk) is None


async def test_a_muted_room_is_silent_until_the_agent_is_named(talk: Talk) -> None:
    await talk.open()
    assert (await talk.act("MUTE_ROOM")).success
    assert await agent_state(talk) is ParticipantState.MUTED
    assert not (await talk.say("anybody there?")).did_respond
    assert (await talk.act("UNMUTE_ROOM", "Ada, come back")).success
    assert await agent_state(talk) is None


async def test_a_one_on_one_chat_offers_no_tool_by_default(talk: Talk) -> None:
    talk.channel = ChannelType.DM
    await talk.open()
    await talk.say("Hello")
    assert talk.offered == []
    assert len(talk.asked) == 1


async def test_details_are_kept_about_the_sender_and_added_to(talk: Talk) -> None:
    await talk.open()
    assert (await talk.act("UPDATE_ENTITY", details={"github": "grace"})).success
    assert (await talk.act("UPDATE_ENTITY", person="@grace", details={"city": "Bern"})).success
    (kept,) = await talk.database.records.find(Component, talk.runtime.agent_id, entity_id=talk.sender_id)
    assert (kept.type, kept.data) == ("profile", {"github": "grace", "city": "Bern"})


async def test_details_about_others_are_for_owners_and_admins(talk: Talk) -> None:
    await talk.open()
    await talk.join("Alan")
    refused = await talk.act("UPDATE_ENTITY", person="Alan", details={"city": "Bern"})
    assert not refused.success
    assert "OWNER or ADMIN" in str(refused.error)
    unknown = await talk.act("UPDATE_ENTITY", person="Kurt", details={"city": "Wien"})
    assert "no participant is named 'Kurt': the participants are Ada, Alan, Grace" in str(unknown.error)
    assert await talk.database.records.find(Component, talk.runtime.agent_id) == []


async def test_two_people_of_one_name_are_not_mixed_up(talk: Talk) -> None:
    await talk.open()
    first, second = await talk.join("Alan"), await talk.join("Alan")
    refused = await talk.act("UPDATE_ENTITY", person="Alan", details={"a": 1})
    assert str(first) in str(refused.error)
    assert str(second) in str(refused.error)


async def _nothing() -> None:
    return None


@pytest.mark.parametrize(
    ("actor", "before", "after", "allowed"),
    [
        ("OWNER", "USER", "OWNER", True),
        ("OWNER", "ADMIN", "USER", True),
        ("ADMIN", "USER", "ADMIN", True),
        ("ADMIN", "USER", "OWNER", False),
        ("ADMIN", "OWNER", "USER", False),
        ("ADMIN", "ADMIN", "USER", False),
    ],
)
async def test_roles_are_changed_by_those_above(talk: Talk, actor: str, before: str, after: str, allowed: bool) -> None:
    await talk.open(world={"kept": 1})
    alan = await talk.join("Alan")
    roles = {str(talk.sender_id): actor, str(alan): before}
    await talk.database.records.update(
        talk.runtime.agent_id, [World(id=talk.world_id, metadata={"kept": 1, "roles": roles})]
    )
    result = await talk.act("UPDATE_ROLE", person="Alan", role=after)
    assert result.success is allowed, result.error
    world = await world_of(talk)
    assert world.metadata["roles"][str(alan)] == (after if allowed else before)
    assert world.metadata["kept"] == 1
    changes = await trail(talk, "role.changed")
    assert [each["to"] for each in changes] == ([after] if allowed else [])


async def test_a_user_cannot_run_an_owner_s_action_and_the_attempt_is_recorded(talk: Talk) -> None:
    await talk.open(world={"roles": {}})
    await talk.join("Alan")
    result = await talk.act("UPDATE_ROLE", person="Grace", role="OWNER")
    assert not result.success
    assert result.error == "UPDATE_ROLE is for OWNER or ADMIN only; the sender is USER"
    assert "UPDATE_ROLE" not in talk.offered
    (attempt,) = await trail(talk, "action.refused")
    assert attempt["action"] == "UPDATE_ROLE"
    assert attempt["arguments"] == {"person": "Grace", "role": "OWNER"}
    assert "roles" in (await world_of(talk)).metadata
    assert (await world_of(talk)).metadata["roles"] == {}


async def test_nobody_changes_a_role_of_their_own(talk: Talk) -> None:
    await talk.open(world={"roles": {}, "ownership": {}})
    await talk.database.records.update(
        talk.runtime.agent_id, [World(id=talk.world_id, metadata={"ownership": {"ownerId": str(talk.sender_id)}})]
    )
    result = await talk.act("UPDATE_ROLE", person="Grace", role="USER")
    assert "of their own" in str(result.error)


async def test_contexts_hide_what_does_not_belong_and_refuse_it(talk: Talk) -> None:
    await talk.open(settings={"ACTIVE_CONTEXTS": "billing, support"})
    for name, contexts in (("REFUND", ("billing",)), ("DEPLOY", ("operations",)), ("HELLO", ())):
        talk.runtime.register_action(Action(name=name, description=name, handler=_nothing, contexts=contexts))
    await talk.say()
    assert {"REFUND", "HELLO"} <= set(talk.offered)
    assert "DEPLOY" not in talk.offered
    refused = await talk.act("DEPLOY")
    assert refused.error == "DEPLOY belongs to operations; active is billing, support"
    assert [each["action"] for each in await trail(talk, "action.refused")] == ["DEPLOY"]
    assert (await talk.act("REFUND")).success


SETTINGS = {
    "greeting": {"name": "Greeting", "description": "Said to newcomers.", "required": True},
    "limit": {"type": "integer", "value": 3},
    "token": {"secret": True, "value": None, "required": True},
}


async def as_owner(talk: Talk, **metadata: Any) -> None:
    roles = {str(talk.sender_id): "OWNER"}
    world = World(id=talk.world_id, name="Pottery", metadata={"roles": roles, **metadata})
    await talk.database.records.update(talk.runtime.agent_id, [world])


async def test_an_owner_changes_settings_and_secrets_are_never_shown(talk: Talk) -> None:
    await talk.open()
    await as_owner(talk, settings=SETTINGS)
    updates = [
        {"key": "greeting", "value": "Hi"},
        {"key": "limit", "value": "7"},
        {"key": "token", "value": "s3cr3t-token"},
    ]
    result = await talk.act("UPDATE_SETTINGS", updates=updates)
    assert result.success, result.error
    settings = (await world_of(talk)).metadata["settings"]
    assert (settings["greeting"]["value"], settings["limit"]["value"]) == ("Hi", 7)
    assert settings["greeting"]["description"] == "Said to newcomers."
    changes = await trail(talk, "world_setting.changed")
    assert [each["name"] for each in changes] == ["greeting", "limit", "token"]
    assert "value" not in changes[2]
    await talk.say()
    assert "- token: set, not shown." in talk.system
    assert "s3cr3t-token" not in talk.system


async def test_a_wrong_setting_changes_none_of_them(talk: Talk) -> None:
    await talk.open()
    await as_owner(talk, settings=SETTINGS)
    for key, value, why in (
        ("limit", "many", "expected integer"),
        ("colour", "red", "'colour' does not exist"),
    ):
        result = await talk.act(
            "UPDATE_SETTINGS", updates=[{"key": "greeting", "value": "Hi"}, {"key": key, "value": value}]
        )
        assert why in str(result.error)
    assert (await world_of(talk)).metadata["settings"] == SETTINGS


async def test_settings_are_for_owners_to_see_and_change(talk: Talk) -> None:
    await talk.open()
    world = World(id=talk.world_id, metadata={"settings": SETTINGS})
    await talk.database.records.update(talk.runtime.agent_id, [world])
    result = await talk.act("UPDATE_SETTINGS", updates=[{"key": "limit", "value": 1}])
    assert "is for OWNER or ADMIN only" in str(result.error)
    assert "Settings of this world" not in talk.system


class Post:
    """Platform with a send handler."""

    def __init__(self) -> None:
        self.sent: list[tuple[TargetInfo, Content]] = []

    async def send(self, _runtime: Any, target: TargetInfo, content: Content) -> None:
        self.sent.append((target, content))


async def test_a_message_is_sent_to_a_person_or_a_room_of_this_world(talk: Talk) -> None:
    post = Post()
    await talk.open()
    await talk.say()
    assert "SEND_MESSAGE" not in talk.offered
    talk.runtime.register_send_handler("discord", post.send)
    alan = await talk.join("Alan")
    room = Room(id=talk.sender_id, world_id=talk.world_id, name="general", source="discord", channel_id="c-7")
    await talk.database.records.insert(talk.runtime.agent_id, [room])
    assert (await talk.act("SEND_MESSAGE", to="alan", text="Hi Alan")).success
    assert (await talk.act("SEND_MESSAGE", to="#General", to_kind="room", text="Hi all")).success
    (to_person, first), (to_room, second) = post.sent
    assert (to_person.source, to_person.entity_id, first.text) == ("discord", alan, "Hi Alan")
    assert (to_room.room_id, to_room.channel_id, second.text) == (room.id, "c-7", "Hi all")
    assert len(await trail(talk, "message.sent")) == 2


async def test_a_message_to_nobody_known_is_an_error_in_words(talk: Talk) -> None:
    post = Post()
    await talk.open()
    talk.runtime.register_send_handler("discord", post.send)
    talk.runtime.register_send_handler("mail", post.send)
    unknown_room = await talk.act("SEND_MESSAGE", to="secret", to_kind="room", text="Hi", source="mail")
    assert "no rooms are named 'secret': the rooms are kiln" in str(unknown_room.error)
    no_source = await talk.act("SEND_MESSAGE", to="Grace", text="Hi")
    assert "name one of discord, mail" in str(no_source.error)
    to_itself = await talk.act("SEND_MESSAGE", to="Ada", text="Hi", source="mail")
    assert "does not write to itself" in str(to_itself.error)
    assert post.sent == []


async def offer_choice(talk: Talk, chosen: list[Any], **changes: Any) -> Task:
    """Create a task that waits for a choice."""

    async def execute(_runtime: Any, options: Mapping[str, Any], task: Task) -> None:
        if options["option"] == "explode":
            raise ConnectionRefusedError("the kiln is cold")
        chosen.append((task.name, options["option"]))

    worker = {"name": "GLAZE", "execute": execute, **changes}
    talk.runtime.register_task_worker(TaskWorker(**worker))
    options = [{"name": "blue", "description": "Cobalt."}, "green", "explode"]
    task = Task(name="GLAZE", room_id=talk.room_id, tags=(AWAITING_CHOICE,), metadata={"options": options})
    await talk.runtime.create_task(task)
    return task


async def test_an_option_is_chosen_and_the_task_done_once(talk: Talk) -> None:
    chosen: list[Any] = []
    await talk.open()
    await talk.say()
    assert "CHOOSE_OPTION" not in talk.offered
    task = await offer_choice(talk, chosen)
    await talk.say("Ada, what can I choose?")
    assert "CHOOSE_OPTION" in talk.offered
    assert f"- GLAZE (task {str(task.id)[:8]})\n  - blue: Cobalt.\n  - green\n" in talk.system
    assert (await talk.act("CHOOSE_OPTION", option="Blue", task=str(task.id)[:8])).success
    assert chosen == [("GLAZE", "blue")]
    assert await talk.runtime.get_tasks() == []
    await talk.say("Ada, and now?")
    assert "CHOOSE_OPTION" not in talk.offered
    assert "GLAZE" not in talk.system


async def test_a_choice_that_fails_waits_again_and_a_given_up_one_is_gone(talk: Talk) -> None:
    chosen: list[Any] = []
    await talk.open()
    task = await offer_choice(talk, chosen)
    failed = await talk.act("CHOOSE_OPTION", option="explode")
    assert "the kiln is cold" in str(failed.error)
    assert [each.id for each in await talk.runtime.get_tasks()] == [task.id]
    unknown = await talk.act("CHOOSE_OPTION", option="red")
    assert "option 'red' does not exist: choose one of blue, green, explode, ABORT" in str(unknown.error)
    assert (await talk.act("CHOOSE_OPTION", option="ABORT")).success
    assert (chosen, await talk.runtime.get_tasks()) == ([], [])


async def test_a_worker_says_who_may_choose(talk: Talk) -> None:
    async def never() -> bool:
        return False

    chosen: list[Any] = []
    await talk.open()
    await offer_choice(talk, chosen, validate=never)
    assert "may not decide" in str((await talk.act("CHOOSE_OPTION", option="blue")).error)
    assert chosen == []


async def test_a_picture_is_drawn_where_the_agent_may_spend_on_it(talk: Talk) -> None:
    async def draw(_runtime: Any, params: Mapping[str, Any]) -> list[dict[str, str]]:
        return [{"url": f"data:image/png;base64,{len(params['prompt'])}"}]

    await talk.open(models={ModelType.IMAGE: draw})
    await talk.say()
    assert "GENERATE_IMAGE" not in talk.offered
    talk.runtime.set_setting("IMAGE_GENERATION", True)
    talk.answers = [calling(("GENERATE_IMAGE", {"prompt": "a bowl", "text": "Here it is"}))]
    result = await talk.say()
    picture, answer = result.response_messages
    assert (picture.content.text, picture.content.attachments[0].url) == ("Here it is", "data:image/png;base64,6")
    assert picture.content.actions == ("GENERATE_IMAGE",)
    assert answer.content.text == "Fine."
    await talk.say()
    assert all("base64" not in each.text for each in talk.messages)
