"""Modules that an import loads, each shown in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_importing_the_package_loads_none_of_its_modules() -> None:
    shown = "import sys, runtime_core; print([each for each in sys.modules if each.startswith('runtime_core.')])"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("url", "driver"), [("sqlite://", "asyncpg"), ("postgresql://host/name", "apsw")])
def test_only_the_driver_that_is_chosen_is_imported(url: str, driver: str) -> None:
    program = (
        "import sys\n"
        "from runtime_core.wiring import open_database\n"
        "assert not {'asyncpg', 'apsw'} & set(sys.modules)\n"
        f"open_database({url!r})\n"
        f"assert {driver!r} not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_importing_the_adapter_loads_no_cloud_client() -> None:
    code = (
        "import sys, runtime_core.wiring, runtime_core.adapters.aws.redelivery; "
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_clouds_client_is_loaded_only_when_something_is_sent() -> None:
    code = (
        "import sys, runtime_core.plugins.websocket, runtime_core.adapters.aws.websocket; "
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_importing_the_plugin_imports_neither_an_http_client_nor_the_openai_package() -> None:
    names = "('httpx2', 'httpcore2', 'openai')"
    code = f"import sys, runtime_core.plugins.openai; print([name for name in {names} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
