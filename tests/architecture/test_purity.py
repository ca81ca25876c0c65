"""The domain imports the standard library alone, and of that no clock, no chance, no I/O."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOMAIN = Path(__file__).resolve().parents[2] / "domain"

IMPURE_MODULES = frozenset(
    [
        "time",
        "random",
        "secrets",
        "os",
        "io",
        "sys",
        "socket",
        "ssl",
        "select",
        "selectors",
        "subprocess",
        "threading",
        "multiprocessing",
        "asyncio",
        "queue",
        "concurrent",
        "pathlib",
        "tempfile",
        "shutil",
        "glob",
        "fileinput",
        "sqlite3",
        "urllib",
        "http",
        "ftplib",
        "smtplib",
        "logging",
        "warnings",
        "signal",
        "platform",
        "getpass",
        "locale",
        "ctypes",
        "mmap",
        "fcntl",
        "inspect",
        "gc",
        "weakref",
        "atexit",
        "contextvars",
        "sched",
    ]
)
IMPURE_ATTRIBUTES = frozenset(["now", "utcnow", "today", "uuid1", "uuid4", "uuid6", "uuid7", "urandom", "getrandbits"])
IMPURE_NAMES = frozenset(
    ["open", "print", "input", "exec", "eval", "compile", "globals", "hash", "id", "breakpoint", "__import__"]
)


def breaches(source: str) -> Iterator[str]:
    """What in this module is not pure."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (found for name in names if (found := impurity(name.name)))
            case ast.ImportFrom(module=module, names=names):
                yield from [found] if (found := impurity(module or ".")) else []
                yield from (name.name for name in names if name.name in IMPURE_ATTRIBUTES)
            case ast.Attribute(attr=attribute) if attribute in IMPURE_ATTRIBUTES:
                yield attribute
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_NAMES:
                yield name
            case ast.Global(names=[name, *_]):
                yield f"global {name}"


def impurity(module: str) -> str | None:
    """The module, unless the domain may import it."""
    package = module.partition(".")[0]
    allowed = package == "domain" or (package in sys.stdlib_module_names and package not in IMPURE_MODULES)
    return None if allowed else module


@pytest.mark.parametrize("path", sorted(DOMAIN.rglob("*.py")), ids=lambda path: str(path.relative_to(DOMAIN)))
def test_a_module_of_the_domain_is_pure(path: Path) -> None:
    assert list(breaches(path.read_text())) == []


PLANTS = {
    "import django": "django",
    "import django.conf as conf": "django.conf",
    "from store import models": "store",
    "from . import money": ".",
    "import uuid_utils.compat": "uuid_utils.compat",
    "import time": "time",
    "from time import monotonic": "time",
    "import random": "random",
    "import os.path": "os.path",
    "def f():\n    import socket": "socket",
    "from datetime import datetime\nx = datetime.now()": "now",
    "import datetime\ndef f(): return datetime.datetime.utcnow()": "utcnow",
    "import datetime\nx = datetime.date.today": "today",
    "import uuid\nx = uuid.uuid4()": "uuid4",
    "from uuid import uuid4": "uuid4",
    "x = open('file')": "open",
    "def f(): print('x')": "print",
    "x = hash('salted')": "hash",
    "def f():\n    global x": "global x",
}


@pytest.mark.parametrize(("source", "breach"), PLANTS.items())
def test_the_check_bites_when_a_module_is_not_pure(source: str, breach: str) -> None:
    assert list(breaches(source)) == [breach]
