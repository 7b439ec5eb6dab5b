"""Terminal output of a conversation: names in a margin, streamed answers, notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

YOU = "you"
_AGENT_STYLE, _YOU_STYLE = "bold magenta", "bold cyan"
_CONTROLS = dict.fromkeys(each for each in (*range(32), *range(127, 160)) if chr(each) not in "\n\t")
_REFRESHES_PER_S = 12


def plain(text: str) -> str:
    """Remove control characters.

    Text of people and models must not move the cursor or change the window's title.
    """
    return text.translate(_CONTROLS)


class Screen:
    """Writer of a conversation to a console."""

    def __init__(self, console: Console, *, agent_name: str, person: str | None) -> None:
        self._console = console
        self._agent_name = plain(agent_name)
        self._person = plain(person or YOU)
        self._margin = max(len(self._agent_name), len(self._person))

    def greet(self, bio: Sequence[str], *, earlier: int) -> None:
        """Show the agent and the first commands.

        Args:
            bio: Paragraphs about the agent; the first is shown.
            earlier: Number of messages in the conversation.
        """
        self._console.print(Text.assemble("Talking with ", (self._agent_name, _AGENT_STYLE), "."))
        if bio:
            self.note(bio[0])
        history = f"This conversation has {earlier} messages; /new starts another. " if earlier else ""
        self.note(f"{history}/help lists the commands, Ctrl-D leaves.")
        self._console.print()

    def prompt(self) -> str:
        """Return the input prompt.

        Its color codes are marked, so that line editing excludes them from the width.
        """
        label = f"{self._person:>{self._margin}}"
        if self._console.no_color or not self._console.is_terminal:
            return f"{label} > "
        return f"\x01\x1b[1;36m\x02{label}\x01\x1b[0m\x02 > "

    @contextmanager
    def writing(self) -> Iterator[AnswerInProgress]:
        """Show an answer while it streams; erase it afterwards."""
        answer = AnswerInProgress(self._agent_name, self._margin)
        with Live(answer, console=self._console, refresh_per_second=_REFRESHES_PER_S, transient=True):
            yield answer

    def answer(self, text: str) -> None:
        """Show a message of the agent."""
        self._console.print(_message_row(self._agent_name, _AGENT_STYLE, Markdown(plain(text)), self._margin))
        self._console.print()

    def no_answer(self) -> None:
        """Report that the agent chose not to answer."""
        self.note(f"{self._agent_name} does not answer.")
        self._console.print()

    def history(self, lines: Sequence[tuple[bool, str, str]]) -> None:
        """Show earlier messages.

        Args:
            lines: Whether the agent is the author, the time, and the text of each message.
        """
        if not lines:
            self.note("This conversation has no messages yet.")
        for from_agent, when, text in lines:
            name, style = (self._agent_name, _AGENT_STYLE) if from_agent else (self._person, _YOU_STYLE)
            body = Table.grid(padding=(0, 1), expand=True)
            body.add_column(ratio=1)
            body.add_column(justify="right", style="dim", no_wrap=True)
            body.add_row(Text(plain(text)), when)
            self._console.print(_message_row(name, style, body, self._margin))
        self._console.print()

    def note(self, text: str) -> None:
        """Show a text that is not part of the conversation."""
        self._console.print(Text(plain(text), style="dim"))

    def table(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show names and their meanings."""
        grid = Table.grid(padding=(0, 2))
        for name, meaning in rows:
            grid.add_row(Text(name, style="bold"), Text(meaning, style="dim"))
        self._console.print(grid)
        self._console.print()

    def error(self, text: str, *, hint: str) -> None:
        """Show an error of the last message; the conversation continues."""
        self._console.print(Text.assemble(("Error: ", "bold red"), plain(text)))
        if hint:
            self.note(f"Hint: {hint}")
        self._console.print()

    def line(self) -> None:
        """End an open line."""
        self._console.print()


class AnswerInProgress:
    """Text received so far, or a spinner; cut to the window's height."""

    def __init__(self, name: str, margin: int) -> None:
        self._name = name
        self._margin = margin
        self._text = ""
        self._spinner = Spinner("dots", style="dim")

    def add(self, piece: str) -> None:
        self._text += plain(piece)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        body: RenderableType = Markdown(self._text) if self._text.strip() else self._spinner
        row = _message_row(self._name, _AGENT_STYLE, body, self._margin)
        lines: list[list[Segment]] = console.render_lines(row, options.update(height=None), pad=False)
        for line in lines[-(console.height - 1) :]:
            yield from line
            yield Segment.line()


def _message_row(name: str, style: str, body: Any, margin: int) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(justify="right", width=margin, no_wrap=True)
    grid.add_column(width=1)
    grid.add_column(ratio=1)
    grid.add_row(Text(name, style=style), ">", body)
    return grid
