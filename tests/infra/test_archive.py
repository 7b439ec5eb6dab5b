"""Lambda archive: content, bytecode and reproducible builds."""

from __future__ import annotations

import marshal
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import asyncpg
import pytest

ROOT = Path(__file__).parents[2]
UNCHECKED = 0b01  # PEP 552: hash-based bytecode that is not compared with the source
HEADER_BYTES = 16
REQUIREMENTS = ("lambda", "dev")


@pytest.fixture(scope="module")
def build() -> Any:
    """Import `infra/archive/build.py`, which is not in a package."""
    spec = spec_from_file_location("archive_build", ROOT / "infra" / "archive" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, build: Any) -> Path:
    """Create a folder of installed wheels with files to prune."""
    folder: Path = tmp_path_factory.mktemp("wheels")
    for name in ("package/__init__.py", "package/stub.pyi", "package/code.pyx", "package-1.dist-info/RECORD"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("VALUE = {'b', 'a', 'c'}\n")
    (folder / "package-1.dist-info" / "licenses").mkdir()
    (folder / "package-1.dist-info" / "licenses" / "LICENSE").write_text("MIT")
    build.prune(folder)
    build.compile_folder(folder)
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, build: Any, wheels: Path) -> Path:
    folder: Path = tmp_path_factory.mktemp("archive") / "code"
    build.assemble(wheels, folder)
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_includes_handlers_core_characters_and_migrations(archive: Path) -> None:
    assert names(archive) >= {
        "handlers/message.py",
        "handlers/characters/ada.json",
        "runtime_core/adapters/postgres/queries.sql",
        *(path.relative_to(ROOT).as_posix() for path in (ROOT / "runtime_core" / "migrations").rglob("*.sql")),
        "package/__init__.py",
        "package-1.dist-info/licenses/LICENSE",
    }


def test_it_excludes_the_command_line_tests_and_unused_files(archive: Path) -> None:
    unwanted = re.compile(r"runtime_core/(cli|testing)/|^tests/|\.pyi$|\.pyx$|RECORD$|infra/archive|\.yaml$")
    assert [name for name in names(archive) if unwanted.search(name)] == []


def test_every_module_has_unchecked_bytecode_with_lambdas_path(archive: Path) -> None:
    for source in archive.rglob("*.py"):
        bytecode = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        content = bytecode.read_bytes()
        code = marshal.loads(content[HEADER_BYTES:])  # noqa: S302 - our own bytecode
        assert int.from_bytes(content[4:8], "little") == UNCHECKED
        assert isinstance(code, CodeType)
        assert code.co_filename == f"/var/task/{source.relative_to(archive).as_posix()}"


def test_stripped_libraries_are_smaller_and_load(build: Any, tmp_path: Path) -> None:
    package = tmp_path / "asyncpg"
    shutil.copytree(Path(asyncpg.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    before = sum(path.stat().st_size for path in package.rglob("*.so"))
    build.prune(tmp_path)
    libraries = sorted(package.rglob("*.so"))
    assert sum(path.stat().st_size for path in libraries) < before / 2  # its wheel includes debug information
    code = "import asyncpg.protocol.protocol as it; print(it.__file__, it.BUILTIN_TYPE_NAME_MAP['uuid'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(next(each for each in libraries if each.match("protocol.*"))), "2950"]


def test_an_invalid_library_ends_the_build(build: Any, tmp_path: Path) -> None:
    (tmp_path / "library.so").write_bytes(b"MZ")
    with pytest.raises(SystemExit, match=r"library\.so is not a 64-bit ELF library"):
        build.prune(tmp_path)


def test_builds_of_the_same_sources_are_identical(archive: Path, build: Any, wheels: Path, tmp_path: Path) -> None:
    build.write_zip(archive, tmp_path / "first.zip")
    build.assemble(wheels, tmp_path / "again")
    build.write_zip(tmp_path / "again", tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as written:
        assert {entry.date_time for entry in written.infolist()} == {build.ZIP_TIME}


def test_a_size_over_the_limit_ends_the_build(
    archive: Path, build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build.check_unzipped(archive)
    assert "MiB unzipped" in capsys.readouterr().out
    monkeypatch.setattr(build, "UNZIPPED_LIMIT_BYTES", 1000)
    with pytest.raises(SystemExit, match="too large"):
        build.check_unzipped(archive)
    build.write_zip(archive, tmp_path / "small.zip")
    monkeypatch.setattr(build, "ZIPPED_LIMIT_BYTES", 1000)
    with pytest.raises(SystemExit, match="too large zipped"):
        build.check_zipped(tmp_path / "small.zip")


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes_and_names_no_host(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    blocks = re.split(r"(?m)^(?=[a-z])", text)[1:]
    assert blocks
    assert [block.splitlines()[0] for block in blocks if "==" not in block or "--hash=sha256:" not in block] == []
    assert re.findall(r"https?://|--index|--find-links|--trusted", text) == []


def test_the_lock_of_the_archive_covers_the_packages_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=\[]", each)[0] for each in project["dependencies"]}
    pinned = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements" / "lambda.txt").read_text()))
    assert wanted <= pinned
    assert not pinned & {"boto3", "botocore", "pytest", "rich", "uvicorn"}
