"""Typed readers for environment variables: read once at the edge, a bad value stops the start with one line.

Source: CONTRACT "Deployment variables".
"""

import ipaddress
import json
import os
from collections.abc import Mapping
from pathlib import Path

SECRET_CHARACTERS_MIN = 32
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class EnvError(SystemExit):
    """A variable that cannot be used: ends whatever is starting, with one line that names it and what to do."""


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """A whole number within bounds, both inclusive."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise EnvError(f"{name}: {text!r} is not a whole number; set {minimum} to {maximum}") from None
    if not minimum <= value <= maximum:
        raise EnvError(f"{name}: {value} is out of range; set {minimum} to {maximum}")
    return value


def url(name: str, default: str, *, schemes: tuple[str, ...]) -> str:
    """A URL of one of the schemes, as text."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    scheme, separator, _rest = text.partition("://")
    if not separator or scheme not in schemes:
        raise EnvError(f"{name}: must be a URL that starts with {' or '.join(f'{s}://' for s in schemes)}")
    return text


def path(name: str, default: Path) -> Path:
    """An absolute folder path; it need not exist yet."""
    text = os.environ.get(name, "").strip()
    folder = Path(text).expanduser().resolve() if text else default
    if folder.exists() and not folder.is_dir():
        raise EnvError(f"{name}: {folder} is not a folder")
    return folder


def boolean(name: str, *, default: bool) -> bool:
    """`1`, `true`, `yes`, `on` or their opposites, in any case."""
    text = os.environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise EnvError(f"{name}: {text!r} is not a yes or a no; set true or false")


def choice(name: str, default: str, words: tuple[str, ...]) -> str:
    """One of a few words, in any case."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    for word in words:
        if word.casefold() == text.casefold():
            return word
    raise EnvError(f"{name}: {text!r} is unknown; set one of {', '.join(words)}")


def networks(name: str) -> tuple[IPNetwork, ...]:
    """Comma-separated networks in CIDR form, none when absent."""
    texts = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise EnvError(f"{name}: {error}; set networks as 127.0.0.1/32, separated by commas") from None


def names(name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Comma-separated words."""
    return tuple(part.strip() for part in os.environ.get(name, "").split(",") if part.strip()) or default


def secret(name: str, default: str) -> str:
    """A secret of at least 32 characters."""
    text = os.environ.get(name, "")
    return _long_enough(name, text) if text else default


def secrets(name: str) -> tuple[str, ...]:
    """Comma-separated secrets of at least 32 characters each, none when absent."""
    return tuple(_long_enough(name, part) for part in names(name, ()))


def _long_enough(name: str, text: str) -> str:
    if len(text) < SECRET_CHARACTERS_MIN:
        raise EnvError(f"{name}: {len(text)} characters are too few; set at least {SECRET_CHARACTERS_MIN} random ones")
    return text


def key(name: str, prefixes: tuple[str, ...], *, needed_by: str) -> str:
    """A key of another service, known by how it begins; `needed_by` is what cannot be without it, or nothing."""
    text = os.environ.get(name, "").strip()
    if needed_by and not text:
        raise EnvError(f"{name}: not set, and {needed_by} needs it")
    if text and not (text.startswith(prefixes) and text.isascii() and text.isprintable() and " " not in text):
        raise EnvError(f"{name}: must be one word that starts with {' or '.join(prefixes)}")
    return text


def credentials(name: str) -> str:
    """`user:password` with a password of at least 8 characters, or nothing."""
    text = os.environ.get(name, "").strip()
    user, _colon, password = text.partition(":")
    if text and (not user or len(password) < 8 or "," in text):
        raise EnvError(f"{name}: must be user:password, the password of 8 characters or more, without a comma")
    return text


def running_servers(data_dir: Path) -> Mapping[str, str]:
    """`DATABASE_URL`, `REDIS_URL`, `BROKER_URL` and `SECRET_KEY` of the embedded servers last started on this
    folder, empty when none were: this is how `manage.py` finds what `make up` started.
    """
    try:
        found: dict[str, str] = json.loads((data_dir / "servers.json").read_text())
    except FileNotFoundError:
        return {}
    return found
