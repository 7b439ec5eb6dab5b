"""Benchmark of the cold start to the first stored answer, against a bare `openai` client.

`make bench-cold` runs it. Each side is a whole process that makes one completion, measured from start to end, in turns.
The database and the scripted model server are on the loopback, and bytecode is cached. It fails if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.warm import model_server_process
from tests.databases import PostgresServer

ROOT = Path(__file__).parents[2]
WALL_LIMIT = 0.60  # of the bare process's wall time
PEAK_LIMIT_MIB = 50.0

# Like the Lambda runtime client: import the handler, call it once.
OURS = """
import json, os, sys, time
began = time.perf_counter()
from handlers.message import handler
imported = time.perf_counter()

class Context:
    aws_request_id = "cold"
    function_name = "mayfly"
    def get_remaining_time_in_millis(self):
        return 30_000

answer = handler({"text": "How thick is slip?"}, Context())
answered = time.perf_counter()
assert answer["text"] == "You said: How thick is slip?", answer
print(json.dumps({"import_ms": (imported - began) * 1000, "answer_ms": (answered - imported) * 1000,
    "status": open("/proc/self/status").read()}), flush=True)
os._exit(0)
"""
BARE = """
import json, os, time
began = time.perf_counter()
from openai import OpenAI
imported = time.perf_counter()
client = OpenAI()
said = client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "How thick is slip?"}])
answered = time.perf_counter()
assert said.choices[0].message.content
print(json.dumps({"import_ms": (imported - began) * 1000, "answer_ms": (answered - imported) * 1000,
    "status": open("/proc/self/status").read()}), flush=True)
os._exit(0)
"""
# Groups of imports by module name; the first matching pattern counts.
GROUPS = (
    ("our own modules", r"(handlers|runtime_core)(\.|$)"),
    ("pydantic", r"(pydantic|pydantic_core|annotated_types|typing_extensions|typing_inspection)(\.|$)"),
    ("HTTP client", r"(httpx2|httpcore2|h11|anyio|idna|truststore|sniffio)(\.|$)"),
    ("asyncpg", r"asyncpg(\.|$)"),
    ("Powertools", r"(aws_lambda_powertools|jmespath)(\.|$)"),
    ("asyncio", r"asyncio(\.|$)"),
    ("other packages", r".*"),
)
LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Measurement of one whole process."""

    wall_ms: float
    import_ms: float
    answer_ms: float
    peak_mib: float


def run_process(code: str, variables: Mapping[str, str]) -> Start:
    """Run and measure one process."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], env=variables, cwd=ROOT, capture_output=True, check=False)
    wall_ms = (time.perf_counter() - began) * 1000
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    report = json.loads(done.stdout.decode().splitlines()[-1])
    # The kernel's high-water mark of this process; `ru_maxrss` starts at the parent's value.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", report.pop("status"))
    return Start(wall_ms=wall_ms, peak_mib=int(peak) / 1024, **report)


def import_times_ms(variables: Mapping[str, str]) -> dict[str, float]:
    """Measure the own time of each import of a cold start, in ms by group."""
    command = [sys.executable, "-X", "importtime", "-c", OURS]
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, check=True, text=True)
    groups: dict[str, float] = defaultdict(float)
    for microseconds, name in LINE.findall(done.stderr):
        group = next(group for group, pattern in GROUPS if re.match(pattern, name))
        groups[group] += int(microseconds) / 1000
    return groups


def medians(starts: Sequence[Start]) -> Start:
    """Compute the median of each time, and the maximum peak."""
    return Start(
        wall_ms=statistics.median(each.wall_ms for each in starts),
        import_ms=statistics.median(each.import_ms for each in starts),
        answer_ms=statistics.median(each.answer_ms for each in starts),
        peak_mib=max(each.peak_mib for each in starts),
    )


def measure(pairs: int, database_url: str, base_url: str) -> bool:
    """Measure and print; return whether both limits hold."""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": "mayfly",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # as in the template
        "DATABASE_URL": database_url,
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": "sk-bench",
        "AGENTS": "handlers.agents:AGENTS",
    }
    run_process(OURS, variables), run_process(BARE, variables)  # warms bytecode and file caches for both
    ours, bare = [], []
    for _ in range(pairs):
        ours.append(run_process(OURS, variables))
        bare.append(run_process(BARE, variables))
    mine, theirs = medians(ours), medians(bare)
    ratio = mine.wall_ms / theirs.wall_ms
    say(f"{'':22}{'whole process':>15}{'imports':>10}{'answer':>10}{'peak':>12}")
    for name, each in (("first stored answer", mine), ("bare openai client", theirs)):
        say(f"{name:22}{each.wall_ms:12.0f} ms{each.import_ms:7.0f} ms{each.answer_ms:7.0f} ms{each.peak_mib:8.1f} MiB")
    say(f"ratio {ratio:.2f} (limit {WALL_LIMIT:.2f}), peak {mine.peak_mib:.1f} MiB (limit {PEAK_LIMIT_MIB:.0f})")
    say(f"medians of {pairs} pairs\n\nimports of a cold start, with the cost of measuring them:")
    for group, spent_ms in sorted(import_times_ms(variables).items(), key=lambda each: -each[1]):
        say(f"  {group:26}{spent_ms:7.1f} ms")
    return ratio <= WALL_LIMIT and mine.peak_mib <= PEAK_LIMIT_MIB


def say(line: str) -> None:
    """Print a line."""
    print(line, flush=True)  # noqa: T201


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=7)
    pairs = arguments.parse_args().pairs
    with PostgresServer.running() as postgres, model_server_process() as base_url:
        held = measure(pairs, postgres.url(postgres.new_database()), base_url)
    sys.exit(0 if held else "bench-cold: a limit is exceeded")


if __name__ == "__main__":
    main()
