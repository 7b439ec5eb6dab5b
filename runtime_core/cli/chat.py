"""`mayfly chat`: conversation with an agent, in a terminal or a pipe."""

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
    ("/new", "start a new conversation; this one stays stored"),
    ("/history", f"show the last {HISTORY_LENGTH} messages"),
    ("/help", "list the commands"),
    ("/quit", "leave; the same as Ctrl-D or Ctrl-C"),
)


@click.command(
    epilog=examples(
        "mayfly chat", "mayfly chat --agent Ada --name Grace", "mayfly chat --room plans", 'echo "Hello" | mayfly chat'
    ),
    short_help="Talk with an agent in the terminal.",
)
@click.option("--agent", help="Name or id of the agent. Default: the deployment's first.")
@click.option("--room", help="The conversation to continue: an id, or a name of your choice.")
@click.option("--name", help="Your name, shown to the agent.")
@click.pass_obj
def command(debug: bool, agent: str | None, room: str | None, name: str | None) -> None:
    """Talk with an agent in the terminal.

    Without --room your default conversation with this agent continues. Without OPENAI_API_KEY the built-in
    local provider answers, offline and by rules. If stdin or stdout is not a terminal, each input line
    is a message, and each answer is one line.
    """
    settings = read_settings()
    log_to_stderr("WARNING", debug=debug)
    console = Console(highlight=False)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if interactive and not debug:
        logging.getLogger().handlers = [_Notes(console)]
    if not debug:  # memories without an embedding are still found by words: no warning is needed
        logging.getLogger("runtime_core.queues.embedding").setLevel(logging.ERROR)
    with OwnLoop() as loop, _open_deployment(loop, settings) as deployment:
        conversation = ChatRoom.with_agent(deployment, agent=agent, room=room, name=name)
        if interactive:
            _Dialogue(loop, conversation, console).run()
        else:
            _answer_lines(loop, conversation)


@contextlib.contextmanager
def _open_deployment(loop: OwnLoop, settings: Settings) -> Iterator[Deployment]:
    """Open the deployment on the loop.

    Without queues it embeds memories in the background until it closes.
    """
    with contextlib.ExitStack() as stack:
        opening = Deployment.open(settings)
        deployment = loop.run(opening.__aenter__())
        stack.callback(lambda: loop.run(opening.__aexit__(None, None, None)))
        embedding = deployment.embedding()
        loop.run(embedding.__aenter__())
        stack.callback(lambda: loop.run(embedding.__aexit__(None, None, None)))
        yield deployment


class _Notes(logging.Handler):
    """Log handler that shows warnings as notes in the conversation."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(plain(record.getMessage()), style="yellow"), end="\n\n")


def _answer_lines(loop: OwnLoop, conversation: ChatRoom) -> None:
    """Answer each line of stdin with one line, until the first error."""
    for line in sys.stdin:
        if text := line.strip():
            result = loop.run(conversation.say(text))
            click.echo(" ".join(" ".join(_texts(result)).splitlines()))


def _texts(result: MessageProcessingResult) -> list[str]:
    return [plain(memory.content.text) for memory in result.response_messages if memory.content.text.strip()]


class _Dialogue:
    """Interactive conversation at a terminal."""

    def __init__(self, loop: OwnLoop, conversation: ChatRoom, console: Console) -> None:
        self._loop = loop
        self._conversation = conversation
        self._screen = Screen(console, agent_name=conversation.agent_name, person=conversation.person.name)

    def run(self) -> None:
        """Read lines and show answers until the person leaves."""
        with contextlib.suppress(ModuleNotFoundError):
            import_module("readline")  # adds line editing and history to `input`; missing on some platforms
        character = self._conversation.deployment.character(self._conversation.agent_id)
        self._screen.greet(character.paragraphs, earlier=self._loop.run(self._conversation.count()))
        while (line := self._read()) is not None:
            if line.startswith("/"):
                if line in {"/quit", "/exit"}:
                    break
                self._run_command(line)
            elif line:
                self._say(line)
        self._screen.note("Goodbye.")

    def _read(self) -> str | None:
        try:
            return input(self._screen.prompt()).strip()
        except (EOFError, KeyboardInterrupt):
            self._screen.line()
            return None

    def _run_command(self, line: str) -> None:
        if line == "/help":
            self._screen.table(COMMANDS)
        elif line == "/new":
            self._conversation = self._conversation.in_new_room()
            self._screen.note("A new conversation.\n")
        elif line == "/history":
            self._show_history()
        else:
            self._screen.note(f"There is no command {line.split()[0]}: /help lists the commands.\n")

    def _show_history(self) -> None:
        messages = self._loop.run(self._conversation.newest(HISTORY_LENGTH))
        agent_id = self._conversation.agent_id
        self._screen.history(
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
            self._screen.no_answer()
