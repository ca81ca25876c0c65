"""Compose files as Docker reads them, as far as ours go. Source: the Compose specification."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.processes import PROJECT

FILES = sorted(PROJECT.glob("docker-compose*.yml"))
MAIN, RABBITMQ = PROJECT / "docker-compose.yml", PROJECT / "docker-compose.rabbitmq.yml"
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Z_]+)(?:(:[-?])((?:[^{}]|\{[^{}]*\})*))?\})")


class Missing(Exception):  # noqa: N818 - what is, as Docker says it
    """A variable that the file demands is not there; the text names it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service, its variables filled in; `command` is empty when the image's own is run."""

    name: str
    command: list[str]
    check: list[str]
    environment: dict[str, str]
    raw: Mapping[str, Any]

    @property
    def grace_seconds(self) -> int:
        """How long Docker waits between SIGTERM and SIGKILL."""
        return seconds(self.raw.get("stop_grace_period", "10s"))


def services(variables: Mapping[str, str], *files: Path) -> dict[str, Service]:
    """The services of a file and its overrides, by name."""
    merged: Any = {}
    for file in files or [MAIN]:
        merged = _merged(merged, read(file))
    return {name: _service(name, raw, variables) for name, raw in merged["services"].items()}


def read(file: Path) -> dict[str, Any]:
    """The file as it stands, its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """The text with `${NAME}`, `${NAME:-default}` and `${NAME:?what to do}` replaced, and `$$` as `$`."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name is None:
            return "$"
        if kind == ":?" and not variables.get(name):
            raise Missing(f"{name}: {rest}")
        return variables.get(name) or (filled_in(rest, variables) if kind == ":-" else "")

    return _VARIABLE.sub(value, text)


def names_in(text: str) -> set[str]:
    """The variables that a file asks for with `${...}`."""
    return set(re.findall(r"\$\{([A-Z_]+)", text))


def seconds(text: str) -> int:
    """A duration such as `40s` or `2m`."""
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def _service(name: str, raw: Mapping[str, Any], variables: Mapping[str, str]) -> Service:
    # A name without a value is passed on as it is, or not at all.
    given = {key: variables.get(key) if text is None else text for key, text in raw.get("environment", {}).items()}
    test = raw.get("healthcheck", {}).get("test")
    return Service(
        name=name,
        command=shlex.split(filled_in(raw.get("command", ""), variables)),
        check=["/bin/sh", "-c", filled_in(test, variables)] if test else [],
        environment={key: filled_in(text, variables) for key, text in given.items() if text is not None},
        raw=raw,
    )


def _merged(under: Any, over: Any) -> Any:
    """Mappings member by member, lists one after the other, anything else replaced."""
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {key: _merged(under[key], each) if key in under else each for key, each in over.items()}
    if isinstance(under, Sequence) and isinstance(over, list) and not isinstance(under, str):
        return [*under, *over]
    return over
