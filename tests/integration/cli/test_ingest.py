"""`mayfly ingest` and `mayfly backfill`, as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.terminal import mayfly
from tests.model_server import ScriptedModelServer


@pytest.fixture
def settings(tmp_path: Path, model_server: ScriptedModelServer) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{tmp_path}/mayfly.db",
        "OPENAI_BASE_URL": model_server.base_url,
        "OPENAI_API_KEY": "sk-test-1234",
        "AGENTS": "tests.integration.agents:AGENTS",
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "EMBEDDING_MODEL": "small",
    }


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "kiln.md").write_text("# Kilns\n\nKilns crack when cooled fast.")
    (folder / "sub" / "prices.csv").write_text("name,price\nBowl,12\n")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("secret")
    return folder


def test_a_folder_is_taken_in_once_and_followed(
    tmp_path: Path, docs: Path, settings: dict[str, str], model_server: ScriptedModelServer
) -> None:
    first = mayfly("ingest", "docs", folder=tmp_path, **settings)
    assert (first.returncode, first.stdout) == (0, "Potter: 2 new, 0 changed, 0 unchanged, 0 removed\n"), first.stderr
    assert model_server.request_count == 1  # both passages in one call

    again = mayfly("ingest", "docs", folder=tmp_path, **settings)
    assert again.stdout == "Potter: 0 new, 0 changed, 2 unchanged, 0 removed\n"
    assert model_server.request_count == 1

    (docs / "kiln.md").write_text("# Kilns\n\nKilns melt.")
    (docs / "sub" / "prices.csv").unlink()
    synced = mayfly("ingest", "docs", "--sync", folder=tmp_path, **settings)
    assert synced.stdout == "Potter: 0 new, 1 changed, 0 unchanged, 1 removed\n"

    answered = mayfly("invoke", "-", folder=tmp_path, stdin='{"text": "Do kilns melt?"}', **settings)
    assert answered.returncode == 0
    assert "[kiln.md] Kilns\\nKilns melt." in model_server.chats[-1]["messages"][0]["content"].replace("\n", "\\n")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_taken_in(
    tmp_path: Path, docs: Path, settings: dict[str, str]
) -> None:
    (docs / "broken.pdf").write_bytes(b"no PDF")
    done = mayfly("ingest", "docs", folder=tmp_path, **settings)
    assert done.returncode == 1
    assert done.stdout.startswith("Potter: 2 new")
    assert "broken.pdf" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_backfill_embeds_what_is_there_under_the_new_model(
    tmp_path: Path, docs: Path, settings: dict[str, str], model_server: ScriptedModelServer
) -> None:
    mayfly("ingest", "docs", folder=tmp_path, **settings)
    done = mayfly("backfill", "--model", "large", "--dimension", "8", folder=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "Potter: 2 memories embedded\nWeaver: 0 memories embedded\nDone. Set EMBEDDING_MODEL=large"
    )
    asked = model_server.requests[-1].json
    assert (asked["model"], asked["dimensions"]) == ("large", 8)
    again = mayfly("backfill", "--model", "large", "--dimension", "8", folder=tmp_path, **settings)
    assert again.stdout.startswith("Potter: 0 memories embedded")


def test_a_backfill_of_an_agent_that_embeds_otherwise_says_so(tmp_path: Path, settings: dict[str, str]) -> None:
    local = {name: value for name, value in settings.items() if not name.startswith("OPENAI")}
    done = mayfly("backfill", "--model", "large", folder=tmp_path, **local)
    assert done.returncode == 1
    assert "embeds with wordllama-l2-supercat-256" in done.stderr
