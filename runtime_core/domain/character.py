"""Characters: the frozen value, and the parser of elizaOS character files."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, TypeGuard, cast
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from runtime_core.domain.frozen import dataclass
from runtime_core.domain.ids import string_to_uuid
from runtime_core.domain.values import check_plain, invalid_input
from runtime_core.errors import InvalidCharacter, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Writing style: rules for all texts, for chats, and for posts."""

    all: tuple[str, ...] = ()
    chat: tuple[str, ...] = ()
    post: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageExample:
    """One line of an example conversation.

    Attributes:
        extra: Other keys of the line in the character file, kept unchanged.
    """

    name: str
    content: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """The definition of an agent.

    Attributes:
        bio: Paragraphs; a single string is one paragraph.
        templates: Prompt texts by name (`should_respond`); they replace the built-in ones.
        knowledge: Texts, or `{"path": …}`, `{"directory": …}`.
        plugins: Plugin names, loaded in addition to the plugins passed to the agent.
        settings: Read by `runtime.get_setting`, after `secrets`.
        extra: Unknown keys of the character file, kept unchanged.
    """

    name: str
    username: str | None = None
    id: UUID | None = None
    system: str = ""
    bio: str | Sequence[str] = ()
    lore: tuple[str, ...] = ()
    templates: Mapping[str, str] = field(default_factory=dict[str, str])
    message_examples: tuple[tuple[MessageExample, ...], ...] = ()
    post_examples: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    knowledge: tuple[str | Mapping[str, Any], ...] = ()
    style: Style = field(default_factory=Style)
    plugins: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    secrets: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The bio as a tuple of paragraphs."""
        return (self.bio,) if isinstance(self.bio, str) else tuple(self.bio)

    @property
    def agent_id(self) -> UUID:
        """The character's `id`, or the stable UUID of its name."""
        return self.id or string_to_uuid(self.name)


def coerce_character(value: Character | Mapping[str, Any], *, source: str = "character") -> Character:
    """Return a character unchanged, or build one from an elizaOS dict.

    Args:
        value: A dict has keys in camelCase or snake_case.
        source: Origin of the dict, named in the error text.

    Raises:
        InvalidCharacter: A value is malformed; names the source, the path in it and the expected type.
    """
    if isinstance(value, Character):
        return value
    try:
        check_plain(value, path="", depth=1)
    except InvalidInput as error:
        raise InvalidCharacter(str(error), source=source) from error
    try:
        example_extras = _collect_example_extras(value.get("messageExamples", value.get("message_examples")))
        return _CharacterFile.model_validate(_drop_nulls(value)).to_character(example_extras)
    except ValidationError as error:
        problem = invalid_input(error, name="")
        raise InvalidCharacter(str(problem), source=source) from error


def _drop_nulls(value: object) -> object:
    """Drop null fields, which mean "absent" in character files.

    `name` is kept, so that its error names null.
    """
    if not isinstance(value, Mapping):
        return value
    given = cast("Mapping[str, Any]", value)
    inner = {key: _drop_nulls(item) if key in ("style", "templates") else item for key, item in given.items()}
    return {key: item for key, item in inner.items() if item is not None or key == "name"}


def load_character(path: Path) -> Character:
    """Read a character file.

    Raises:
        InvalidCharacter: The file is missing or not JSON, or a value has the wrong type; names the path in it.
    """
    try:
        value: object = from_json(path.read_bytes().removeprefix(BOM_UTF8))
    except OSError as error:
        raise InvalidCharacter(f"cannot be read: {error.strerror}", source=str(path)) from error
    except ValueError as error:
        try:
            path.read_bytes().decode()
        except UnicodeDecodeError as undecodable:
            raise InvalidCharacter(f"not UTF-8 (byte {undecodable.start})", source=str(path)) from error
        raise InvalidCharacter(f"not JSON: {error}", source=str(path)) from error
    if not _is_object(value):
        raise InvalidCharacter(
            f"expected a JSON object with the character, got a {type(value).__name__}", source=str(path)
        )
    return coerce_character(value, source=str(path))


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _as_list(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if _is_list(value):
        return value
    raise ValueError(f"expected text or a list of texts, got {value!r}")


_Lines = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class _StyleInFile(BaseModel):
    model_config = ConfigDict(extra="allow")

    all: _Lines = ()
    chat: _Lines = ()
    post: _Lines = ()


def _as_content(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class _ExampleInFile(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str = Field(validation_alias=AliasChoices("name", "user"))
    content: Annotated[dict[str, Any], BeforeValidator(_as_content)]


def _as_conversations(value: object) -> object:
    """Normalize examples: lists of conversations, one flat conversation, or objects with `examples`."""
    if not _is_list(value):
        return value
    if value and all(_is_line(each) for each in value):
        return [[_as_line(each) for each in value]]
    return [_as_lines(each.get("examples") if _has_examples(each) else each) for each in value]


def _is_line(value: object) -> bool:
    return _is_pair(value) or (_is_object(value) and "content" in value)


def _is_pair(value: object) -> TypeGuard[Sequence[str]]:
    return _is_list(value) and len(value) == 2 and all(isinstance(each, str) for each in value)


def _has_examples(value: object) -> TypeGuard[dict[str, Any]]:
    return _is_object(value) and "examples" in value


def _as_lines(value: object) -> object:
    return [_as_line(each) for each in value] if _is_list(value) else value


def _as_line(value: object) -> object:
    """Convert a `[speaker, text]` pair, which some files use, to an object."""
    if _is_pair(value):
        return {"name": value[0], "content": {"text": value[1]}}
    return value


def _collect_example_extras(conversations: object) -> Mapping[str, Any]:
    """Collect the other keys of each example conversation, under `messageExamples`."""
    given = conversations if _is_list(conversations) else ()
    extras = [
        {key: item for key, item in each.items() if key != "examples"} if _has_examples(each) else {} for each in given
    ]
    return {"messageExamples": extras} if any(extras) else {}


def _check_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    secrets = settings.get("secrets")
    if not isinstance(secrets, dict | None):
        raise ValueError(f"expected an object for secrets, got a {type(secrets).__name__}")
    return settings


def _parse_template_name(name: str) -> str:
    """Convert a public file's `shouldRespondTemplate` to `should_respond`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Template")).lower()


class _CharacterFile(BaseModel):
    """An elizaOS character file of format version 1 or 2."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, populate_by_name=True)

    name: str = Field(min_length=1)
    username: str | None = None
    id: str | None = None
    system: str | None = None
    bio: _Lines = ()
    lore: _Lines = ()
    templates: dict[str, str] = {}
    message_examples: Annotated[tuple[tuple[_ExampleInFile, ...], ...], BeforeValidator(_as_conversations)] = ()
    post_examples: _Lines = ()
    topics: _Lines = ()
    adjectives: _Lines = ()
    knowledge: Annotated[tuple[str | dict[str, Any], ...], BeforeValidator(_as_list)] = ()
    style: _StyleInFile = _StyleInFile()
    plugins: tuple[str, ...] = ()
    settings: Annotated[dict[str, Any], AfterValidator(_check_secrets)] = {}
    secrets: dict[str, Any] = {}

    def to_character(self, example_extras: Mapping[str, Any]) -> Character:
        settings = dict(self.settings)
        secrets: dict[str, Any] = {**(settings.pop("secrets", None) or {}), **self.secrets}
        return Character(
            name=self.name,
            username=self.username,
            id=string_to_uuid(self.id) if self.id else None,
            system=self.system or "",
            bio=self.bio,
            lore=self.lore,
            templates={_parse_template_name(name): text for name, text in self.templates.items() if text.strip()},
            message_examples=tuple(
                tuple(
                    MessageExample(name=line.name, content=line.content, extra=line.model_extra or {})
                    for line in example
                )
                for example in self.message_examples
            ),
            post_examples=self.post_examples,
            topics=self.topics,
            adjectives=self.adjectives,
            knowledge=self.knowledge,
            style=Style(all=self.style.all, chat=self.style.chat, post=self.style.post),
            plugins=self.plugins,
            settings=settings,
            secrets=secrets,
            extra={
                **(self.model_extra or {}),
                **({"style": self.style.model_extra} if self.style.model_extra else {}),
                **example_extras,
            },
        )
