"""`mayfly chat`, in a terminal and through a pipe."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.integration.cli.terminal import Terminal, mayfly
from tests.model_answers import Gate, Reply, embeddings, failure, held
from tests.model_server import EMBEDDINGS, ScriptedModelServer

ROOT = str(Path(__file__).parents[3])
ECHO = {"AGENTS": "tests.component.http.echo:AGENTS", "PYTHONPATH": ROOT}
LOCAL = {"PYTHONPATH": ROOT}


def test_each_line_of_a_pipe_gets_one_line_of_answer(tmp_path: Path) -> None:
    done = mayfly("chat", folder=tmp_path, stdin="Hello\n\n  Grüße 🪰  \nlast", **ECHO)
    assert done.returncode == 0
    assert done.stdout == "You said Hello\nYou said Grüße 🪰\nYou said last\n"
    assert done.stderr == ""


def test_a_pipe_ends_at_the_first_error(tmp_path: Path) -> None:
    done = mayfly("chat", folder=tmp_path, stdin="Hello\nfail at once\nnever said\n", MODEL_MAX_RETRIES="0", **ECHO)
    assert done.returncode == 1
    assert done.stdout == "You said Hello\n"
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_pipe_is_a_conversation_without_words(tmp_path: Path) -> None:
    done = mayfly("chat", folder=tmp_path, **ECHO)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_local_provider_says_once_that_it_answers(tmp_path: Path) -> None:
    done = mayfly("chat", folder=tmp_path, stdin="Hello\nI am sad\n", **LOCAL)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.count("OPENAI_API_KEY is not set") == 1


def test_an_agent_that_does_not_run_here_is_an_error(tmp_path: Path) -> None:
    done = mayfly("chat", "--agent", "Nobody", folder=tmp_path, stdin="Hello\n", **ECHO)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no agent 'Nobody' runs here")


def test_a_message_over_the_limit_is_an_error(tmp_path: Path) -> None:
    done = mayfly("chat", folder=tmp_path, stdin="a" * 100 + "\n", MESSAGE_LIMIT_BYTES="99", **ECHO)
    assert done.returncode == 1
    assert "MESSAGE_LIMIT_BYTES" in done.stderr


def test_a_conversation_in_a_terminal(tmp_path: Path) -> None:
    with Terminal("chat", "--agent", "bob", "--name", "Grace", folder=tmp_path, **ECHO) as terminal:
        greeting = terminal.wait_for("Grace > ")
        assert "Talking with Bob." in greeting
        assert "/help lists the commands" in greeting
        terminal.type("Hello\r")
        assert "  Bob > You said Hello" in terminal.wait_for("Grace > ")
        terminal.type("/history\r")
        terminal.wait_for("Grace > Hello ")
        terminal.wait_for("  Bob > You said Hello")
        terminal.wait_for("Grace > ")
        terminal.type("/help\r")
        assert "/history" in terminal.wait_for("Grace > ")
        terminal.type("/nonsense\r")
        assert "There is no command /nonsense" in terminal.wait_for("Grace > ")
        terminal.type("/new\r")
        assert "A new conversation." in terminal.wait_for("Grace > ")
        terminal.type("/history\r")
        assert "This conversation has no messages yet." in terminal.wait_for("Grace > ")
        assert terminal.leave("/quit\r") == 0
        assert "Goodbye." in terminal.output
        assert "Traceback" not in terminal.output


def test_a_conversation_goes_on_where_it_was_left(tmp_path: Path) -> None:
    mayfly("chat", folder=tmp_path, stdin="Hello\n", **ECHO)
    mayfly("chat", "--room", "plans", folder=tmp_path, stdin="Elsewhere\n", **ECHO)
    with Terminal("chat", folder=tmp_path, **ECHO) as terminal:
        assert "has 2 messages" in terminal.wait_for("you > ")
        terminal.type("/history\r")
        assert "Elsewhere" not in terminal.wait_for("Ada > You said Hello")


@pytest.mark.parametrize("key", ["\x04", "\x03"], ids=["Ctrl-D", "Ctrl-C"])
def test_a_key_leaves_politely(tmp_path: Path, key: str) -> None:
    with Terminal("chat", folder=tmp_path, **ECHO) as terminal:
        terminal.wait_for("you > ")
        assert terminal.leave(key) == 0
        assert "Goodbye." in terminal.output
        assert "Traceback" not in terminal.output


def test_an_error_is_told_and_the_conversation_goes_on(tmp_path: Path) -> None:
    with Terminal("chat", folder=tmp_path, MODEL_MAX_RETRIES="0", **ECHO) as terminal:
        terminal.wait_for("you > ")
        terminal.type("fail at once\r")
        assert "Error: " in terminal.wait_for("you > ")
        terminal.type("Hello\r")
        assert "You said Hello" in terminal.wait_for("you > ")
        assert "Traceback" not in terminal.output


def test_ctrl_c_stops_an_answer_and_not_the_conversation(tmp_path: Path, model_server: ScriptedModelServer) -> None:
    gate = Gate()
    model_server.script(held(Reply(text="This never ends."), gate), Reply(text="This does."))
    variables = {"OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": model_server.base_url, **LOCAL}
    with Terminal("chat", folder=tmp_path, **variables) as terminal:
        terminal.wait_for("you > ")
        terminal.type("Talk to me\r")
        assert gate.reached.wait(30)
        terminal.type("\x03")
        assert "Stopped." in terminal.wait_for("you > ")
        gate.open()
        terminal.type("Again\r")
        assert "This does." in terminal.wait_for("you > ")
        assert terminal.leave("\x04") == 0


def test_while_a_person_thinks_what_was_said_is_embedded(tmp_path: Path, model_server: ScriptedModelServer) -> None:
    asked = Gate()
    model_server.script(Reply(text="Tell me more."))
    model_server.script(held(embeddings(8), asked), path=EMBEDDINGS)
    variables = {"OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": model_server.base_url, "EMBEDDING_DIMENSION": "8"}
    with Terminal("chat", folder=tmp_path, **variables, **LOCAL) as terminal:
        terminal.wait_for("you > ")
        terminal.type("A blue kiln\r")
        assert "Tell me more." in terminal.wait_for("you > ")
        assert asked.reached.wait(30)  # nothing was typed since
        asked.open()
        assert terminal.leave("\x04") == 0
    assert embedded_in(tmp_path) >= {"A blue kiln"}


def test_what_a_pipe_said_is_embedded_and_a_model_that_cannot_embed_is_no_news(
    tmp_path: Path, model_server: ScriptedModelServer
) -> None:
    variables = {"OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": model_server.base_url, "EMBEDDING_DIMENSION": "8"}
    model_server.answer_with(embeddings(8), path=EMBEDDINGS)
    assert mayfly("chat", folder=tmp_path, stdin="One\n", **variables, **LOCAL).returncode == 0
    assert embedded_in(tmp_path) >= {"One"}
    model_server.answer_with(failure(404), path=EMBEDDINGS)
    done = mayfly("chat", folder=tmp_path, stdin="Two\n", **variables, **LOCAL)
    assert (done.returncode, done.stderr) == (0, "")


def embedded_in(folder: Path) -> set[str]:
    """The texts in the folder's database that have an embedding."""
    connection = apsw.Connection(str(folder / ".data" / "mayfly.db"))
    rows = connection.execute("SELECT m.text FROM embeddings e JOIN memories m ON m.id = e.memory_id").fetchall()
    connection.close()
    return {str(text) for (text,) in rows}
