"""`mayfly chat`: a conversation with an agent, in the terminal or through a pipe."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from importlib import import_module

import click
from rich.console import Console
from rich.text import Text

from runtime_core.cli.conversation import ChatRoom
from runtime_core.cli.examples import examples
from runtime_core.cli.failure import hint
from runtime_core.cli.logs import log_to_stderr
from runtime_core.cli.own_loop import OwnLoop
from runtime_core.cli.screen import Screen, plain
from runtime_core.cli.settings import read_settings
from runtime_core.deployment.deployment import Deployment
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.errors import MayflyError
from runtime_core.settings import Settings

HISTORY_LENGTH = 20
COMMANDS = (
    ("/new", "start another conversation; this one stays stored"),
    ("/history", f"show the last {HISTORY_LENGTH} messages"),
    ("/help", "show this"),
    ("/quit", "leave; Ctrl-D and Ctrl-C do too"),
)


@click.command(
    epilog=examples(
        "mayfly chat", "mayfly chat --agent Ada --name Grace", "mayfly chat --room plans", 'echo "Hello" | mayfly chat'
    ),
    short_help="Talk with an agent in the terminal.",
)
@click.option("--agent", help="Name or id of the agent; the deployment's first by default.")
@click.option("--room", help="The conversation to go on with: an id, or any name you give it.")
@click.option("--name", help="Your name, as the agent sees it.")
@click.pass_obj
def command(debug: bool, agent: str | None, room: str | None, name: str | None) -> None:
    """Talk with an agent in the terminal.

    Without --room it is the conversation you always have with this agent: it goes on where you left it.
    Without OPENAI_API_KEY the built-in local provider answers, offline and by rules.
    When stdin or stdout is no terminal, each line is a message, and each answer is one line.
    """
    settings = read_settings()
    log_to_stderr("WARNING", debug=debug)
    console = Console(highlight=False)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if interactive and not debug:
        logging.getLogger().handlers = [_Notes(console)]
    if not debug:  # what is not embedded yet is found by its words: nothing that a person has to know
        logging.getLogger("runtime_core.queues.embedding").setLevel(logging.ERROR)
    with OwnLoop() as loop, _opened(loop, settings) as deployment:
        conversation = ChatRoom.with_agent(deployment, agent=agent, room=room, name=name)
        if interactive:
            _Dialogue(loop, conversation, console).hold()
        else:
            _answer_lines(loop, conversation)


@contextlib.contextmanager
def _opened(loop: OwnLoop, settings: Settings) -> Iterator[Deployment]:
    """The deployment, opened and closed on the loop; where no queues are set, it embeds while it is open."""
    with contextlib.ExitStack() as stack:
        opening = Deployment.open(settings)
        deployment = loop.run(opening.__aenter__())
        stack.callback(lambda: loop.run(opening.__aexit__(None, None, None)))
        embedding = deployment.embedding()
        loop.run(embedding.__aenter__())
        stack.callback(lambda: loop.run(embedding.__aexit__(None, None, None)))
        yield deployment


class _Notes(logging.Handler):
    """Shows warnings as notes beside the conversation, not as lines of a log."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(plain(record.getMessage()), style="yellow"), end="\n\n")


def _answer_lines(loop: OwnLoop, conversation: ChatRoom) -> None:
    """Answer each line of stdin with one line on stdout; the first error ends it."""
    for line in sys.stdin:
        if text := line.strip():
            result = loop.run(conversation.say(text))
            click.echo(" ".join(" ".join(_texts(result)).splitlines()))


def _texts(result: MessageProcessingResult) -> list[str]:
    return [plain(memory.content.text) for memory in result.response_messages if memory.content.text.strip()]


class _Dialogue:
    """The conversation of a person at a terminal: reads a line, shows the answer, until the person leaves."""

    def __init__(self, loop: OwnLoop, conversation: ChatRoom, console: Console) -> None:
        self._loop = loop
        self._conversation = conversation
        self._screen = Screen(console, agent_name=conversation.agent_name, person=conversation.person.name)

    def hold(self) -> None:
        with contextlib.suppress(ModuleNotFoundError):
            import_module("readline")  # gives `input` editing and recall; some platforms have none
        character = self._conversation.deployment.character(self._conversation.agent_id)
        self._screen.greet(character.paragraphs, earlier=self._loop.run(self._conversation.count()))
        while (line := self._read()) is not None:
            if line.startswith("/"):
                if line in {"/quit", "/exit"}:
                    break
                self._obey(line)
            elif line:
                self._say(line)
        self._screen.note("Goodbye.")

    def _read(self) -> str | None:
        try:
            return input(self._screen.prompt()).strip()
        except (EOFError, KeyboardInterrupt):
            self._screen.line()
            return None

    def _obey(self, line: str) -> None:
        if line == "/help":
            self._screen.table(COMMANDS)
        elif line == "/new":
            self._conversation = self._conversation.afresh()
            self._screen.note("A new conversation.\n")
        elif line == "/history":
            self._recall()
        else:
            self._screen.note(f"There is no command {line.split()[0]}; /help lists those there are.\n")

    def _recall(self) -> None:
        messages = self._loop.run(self._conversation.newest(HISTORY_LENGTH))
        agent_id = self._conversation.agent_id
        self._screen.recall(
            [
                (
                    each.entity_id == agent_id,
                    each.created_at.astimezone().strftime("%d %b %H:%M") if each.created_at else "",
                    each.content.text,
                )
                for each in messages
            ]
        )

    def _say(self, text: str) -> None:
        try:
            with self._screen.writing() as answer:

                async def on_delta(piece: str) -> None:
                    answer.add(piece)

                result = self._loop.run(self._conversation.say(text, on_delta=on_delta))
        except KeyboardInterrupt:
            self._screen.note("Stopped.\n")
        except MayflyError as error:
            self._screen.error(str(error), hint=hint(error))
        else:
            self._show(result)

    def _show(self, result: MessageProcessingResult) -> None:
        texts = _texts(result)
        for text in texts:
            self._screen.answer(text)
        if not texts:
            self._screen.silence()
