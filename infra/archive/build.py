"""Build of the Lambda archive: code, migrations and pinned wheels, compiled.

It needs the minor Python version of the Lambda runtime, for which the bytecode is valid. Builds of the
same sources are identical byte for byte.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import os
import py_compile
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".aws-sam" / "archive"
REQUIREMENTS = ROOT / "requirements" / "lambda.txt"
PYTHON = (3, 13)
TASK_ROOT = "/var/task"  # Lambda's folder of the unpacked archive, for tracebacks

MIB = 1024 * 1024
ZIPPED_LIMIT_BYTES = 20 * MIB  # limits of this project: each cold start downloads and unpacks the archive
UNZIPPED_LIMIT_BYTES = 75 * MIB

PLATFORMS = {
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
    "arm64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
}
OURS = ("handlers", "runtime_core")
NOT_ON_LAMBDA = ("runtime_core/cli", "runtime_core/testing")
# Parts of the wheels that nothing imports: commands, type stubs, tests, SQLite's shell programs and Python extensions,
# Powertools' HTTP router with its browser pages and its utilities other than logs and metrics, and OpenAI's APIs for
# administration and training.
UNUSED_PATHS = (
    "bin",
    "wrapt-stubs",
    "apsw/tests",
    "apsw/sqlite_extra*",
    "apsw/shell.py",
    "apsw/_unicode.*",
    "apsw/unicode.py",
    "apsw/fts*",
    "apsw/ext.py",
    "apsw/bestpractice.py",
    "apsw/trace.py",
    "apsw/speedtest.py",
    "asyncpg/_testbase",
    "asyncpg/cluster.py",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/[!_j]*/",  # except jmespath_utils, which the logger needs
    "openai/cli",
    "openai/resources/admin",
    "openai/types/admin",
    "openai/resources/evals",
    "openai/types/evals",
    "openai/resources/fine_tuning",
    "openai/types/fine_tuning",
    "pydantic/mypy.py",
)
UNUSED_SUFFIXES = (".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h")
UNUSED_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")
ELF_64_BIT = b"\x7fELF\x02\x01"  # and little-endian, as both architectures are
ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
ELF_SEGMENT = struct.Struct("<IIQQQQQQ")
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip file


def main() -> None:
    """Build into a folder and optionally a zip file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=PLATFORMS, default="x86_64")
    parser.add_argument("--into", type=Path, help="folder for the files; its content is replaced")
    parser.add_argument("--zip", type=Path, help="zip file to write; prints its size and digest")
    arguments = parser.parse_args()
    if sys.version_info[:2] != PYTHON:
        wanted = ".".join(map(str, PYTHON))
        sys.exit(f"archive: bytecode for Lambda needs Python {wanted}: run make with LAMBDA_PYTHON=python{wanted}")
    wheels = install_wheels(arguments.architecture)
    folder: Path = arguments.into or CACHE / f"code-{arguments.architecture}"
    assemble(wheels, folder)
    check_unzipped(folder)
    if arguments.zip:
        write_zip(folder, arguments.zip)
        check_zipped(arguments.zip)


def install_wheels(architecture: str) -> Path:
    """Install, prune and compile the pinned wheels; cached per lock.

    Returns:
        The folder of the installed files.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + Path(__file__).read_bytes() + sys.version.encode())
    folder = CACHE / f"wheels-{architecture}-{digest.hexdigest()[:16]}"
    if folder.exists():
        return folder
    unfinished = CACHE / f"{folder.name}.{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    install(architecture, unfinished)
    prune(unfinished)
    compile_folder(unfinished)
    unfinished.rename(folder)
    return folder


def install(architecture: str, folder: Path) -> None:
    """Unpack the wheels of requirements/lambda.txt for Lambda's platform."""
    platforms = [option for each in PLATFORMS[architecture] for option in ("--platform", each)]
    subprocess.run(  # noqa: S603 - fixed program and arguments
        [
            *(
                sys.executable,
                "-m",
                "pip",
                "install",
                "-qq",
                "--disable-pip-version-check",
                "--root-user-action=ignore",
            ),
            *("--target", str(folder), *platforms, "--python-version", ".".join(map(str, PYTHON))),
            *("--implementation", "cp", "--only-binary=:all:", "--no-deps", "--no-compile", "--require-hashes"),
            *("--requirement", str(REQUIREMENTS)),
        ],
        check=True,
    )


def prune(folder: Path) -> None:
    """Remove the files that nothing imports; licences stay."""
    for path in [found for pattern in UNUSED_PATHS for found in folder.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in files(folder):
        if path.suffix == ".so":
            strip_library(path)
        metadata = path.parent.suffix == ".dist-info" and path.name in UNUSED_METADATA
        if metadata or path.suffix in UNUSED_SUFFIXES or "sboms" in path.parts:
            path.unlink()


def strip_library(path: Path) -> None:
    """Remove symbols and debug information, stored after a library's segments.

    Source: the loader reads the program header only, https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.intro.html
    """
    content = path.read_bytes()
    if not content.startswith(ELF_64_BIT):
        sys.exit(f"archive: {path} is not a 64-bit ELF library: check the platform of its wheel")
    header = list(ELF_HEADER.unpack_from(content))
    start, size, count = header[5], header[9], header[10]
    segments = [ELF_SEGMENT.unpack_from(content, start + size * number) for number in range(count)]
    end = max([start + size * count, *(offset + length for _, _, offset, _, _, length, _, _ in segments)])
    header[6] = header[12] = header[13] = 0  # the section table is removed
    path.write_bytes(ELF_HEADER.pack(*header) + content[ELF_HEADER.size : end])


def assemble(wheels: Path, folder: Path) -> None:
    """Replace a folder's content by the wheels and the project's code."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(wheels, folder, copy_function=_link)
    for source in OURS:
        for path in files(ROOT / source):
            name = path.relative_to(ROOT)
            if path.suffix in (".pyc", *UNUSED_SUFFIXES) or name.as_posix().startswith(NOT_ON_LAMBDA):
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o644)
    for source in {Path(each).parts[0] for each in OURS}:
        compile_folder(folder / source, root=folder)


def _link(source: str, target: str) -> None:
    os.link(source, target)


def compile_folder(folder: Path, *, root: Path | None = None) -> None:
    """Compile every module to bytecode that ignores the source's date."""
    compiled = compileall.compile_dir(
        folder,
        quiet=1,
        stripdir=str(root or folder),
        prependdir=TASK_ROOT,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        force=True,
    )
    if not compiled:
        sys.exit(f"archive: a module in {folder} does not compile: see the error above")


def files(folder: Path) -> list[Path]:
    """List every file below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write_zip(folder: Path, target: Path) -> None:
    """Zip a folder; equal files give an identical archive."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_TIME)
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def check_unzipped(folder: Path) -> None:
    """Print the unzipped size; exit above the limit."""
    size_bytes = sum(path.stat().st_size for path in files(folder))
    print(f"archive: {size_bytes / MIB:.1f} MiB unzipped (limit {UNZIPPED_LIMIT_BYTES // MIB})")  # noqa: T201
    if size_bytes > UNZIPPED_LIMIT_BYTES:
        sys.exit("archive: too large: remove a dependency, or add unused files to UNUSED_PATHS")


def check_zipped(target: Path) -> None:
    """Print the zipped size and digest; exit above the limit."""
    size_bytes = target.stat().st_size
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"archive: {size_bytes / MIB:.1f} MiB zipped (limit {ZIPPED_LIMIT_BYTES // MIB}), sha256 {digest}")  # noqa: T201
    if size_bytes > ZIPPED_LIMIT_BYTES:
        sys.exit("archive: too large zipped: remove a dependency, or add unused files to UNUSED_PATHS")


if __name__ == "__main__":
    main()
