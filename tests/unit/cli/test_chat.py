"""What `mayfly chat` prints."""

from __future__ import annotations

from rich.console import Console

from runtime_core.cli.screen import AnswerInProgress, Screen, plain


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert plain("a\x1b]0;title\x07b\x9bc\r\n\td") == "a]0;titlebc\n\td"


def test_a_long_answer_is_hung_beside_the_name() -> None:
    console = Console(width=30, record=True, quiet=False, color_system=None)
    with console.capture() as captured:
        Screen(console, agent_name="Ada", person=None).answer("one two three four five six seven eight")
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert lines[:2] == ["Ada > one two three four five", "      six seven eight"]


def test_an_answer_in_progress_is_never_taller_than_the_window() -> None:
    answer = AnswerInProgress("Ada", 3)
    answer.add("\n\n".join(f"paragraph {number}" for number in range(40)))
    console = Console(width=40, height=10, color_system=None, force_terminal=True)
    with console.capture() as captured:
        console.print(answer)
    lines = captured.get().splitlines()
    assert len(lines) <= 10
    assert "paragraph 39" in lines[-1]
