"""`make local`: the deployment on one machine, from message to embedding to Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]


async def line_that(output: asyncio.StreamReader, pattern: str) -> str:
    """Return the next line that matches the pattern."""
    seen = []
    async with asyncio.timeout(90):
        while line := (await output.readline()).decode():
            seen.append(line)
            if re.search(pattern, line):
                return line
    raise AssertionError("".join(seen))


async def test_a_message_is_answered_queued_and_embedded_and_one_signal_ends_it_all(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "infra.local", "--port", "0", "--folder", str(tmp_path), "--tick-s", "3600"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LOG_LEVEL": "ERROR"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        url = (await line_that(process.stdout, r"^api ")).split()[1]
        async with httpx2.AsyncClient(timeout=30, trust_env=False) as http:
            answer = await http.post(f"{url}/v1/messages", json={"text": "Hello from the local stack"})
        assert answer.status_code == 200, answer.text
        assert await line_that(process.stdout, r"^embed-high +0 queued, 1 done, 0 failed")
        assert await line_that(
            process.stdout, r"^embed-normal +0 queued, 1 done, 0 failed, 0 dead letters, 1 events, 1 cold start"
        )
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 0
    assert "stopping" in rest.decode()
    for function in ("tick", "embed-high", "embed-normal"):
        log = (tmp_path / "logs" / f"{function}.txt").read_text()
        assert log.count("REPORT RequestId") == 1, log  # Lambda's runtime ran it, once
    assert not (tmp_path / "logs" / "embed-low.txt").exists()  # no message, no process
