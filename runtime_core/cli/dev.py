"""`mayfly dev`: serves the HTTP API locally, by Lambda's application."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

import click
import uvicorn

from runtime_core.cli.examples import examples
from runtime_core.cli.failure import Failure
from runtime_core.cli.logs import log_to_stderr
from runtime_core.cli.settings import read_settings
from runtime_core.deployment.deployment import Deployment
from runtime_core.http import Application, create_app
from runtime_core.queues.tick import ticking


@click.command(
    epilog=examples("mayfly dev", "API_PORT=8080 mayfly dev", "mayfly dev --port 0"),
    short_help="Serve the HTTP API locally.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 chooses a free one. Default: API_PORT."
)
@click.pass_obj
def command(debug: bool, host: str, port: int | None) -> None:
    """Serve the HTTP API locally, until Ctrl-C.

    It is the application that runs on Lambda. Without queues this process embeds memories and runs
    due tasks in the background. A SQLite database is migrated at the start; for Postgres run
    `mayfly migrate` first.
    """
    settings = read_settings()
    log_to_stderr(settings.log_level, debug=debug)
    if settings.auth_mode == "gateway":
        click.echo(
            "Warning: AUTH_MODE is gateway, but no gateway verifies callers here, so /v1 answers 401: "
            "set AUTH_MODE=none.",
            err=True,
        )
    listener = _listener(host, settings.api_port if port is None else port)
    with asyncio.Runner() as runner, listener:
        stack = AsyncExitStack()
        try:
            deployment = runner.run(stack.enter_async_context(Deployment.open(settings)))
            runner.run(stack.enter_async_context(deployment.embedding()))
            runner.run(stack.enter_async_context(ticking(deployment)))
            click.echo(_greeting(deployment, host, listener.getsockname()[1]))
            runner.run(_server(deployment).serve([listener]))
        except KeyboardInterrupt:
            click.echo("Stopped.")
        finally:
            runner.run(stack.aclose())


def _server(deployment: Deployment) -> uvicorn.Server:
    config = uvicorn.Config(_app(deployment), log_config=None, access_log=False, lifespan="off")
    return uvicorn.Server(config)


def _app(deployment: Deployment) -> Application:
    async def source() -> Deployment:
        return deployment

    return create_app(source)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # clients that connect before the server runs wait instead of being refused
    except OSError as error:
        listener.close()
        raise Failure(
            f"cannot listen on {host}:{port}: {error.strerror}.",
            hint="Choose another port with --port or API_PORT; 0 chooses a free one.",
        ) from error
    return listener


def _greeting(deployment: Deployment, host: str, port: int) -> str:
    names = ", ".join(agent.character.name for agent in deployment.agents)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return (
        f"{names} at {address} (Ctrl-C stops)\n"
        f"  curl {address}/v1/messages -H 'content-type: application/json' -d '{{\"text\": \"Hello\"}}'"
    )
