"""`manage.py prepare_demo KEYS PEOPLE`: the tables, a client for each role whose keys stand in the file KEYS, and the
console's people whose passwords stand in PEOPLE (`make up` calls it).

One process does both, because starting Django costs more than either.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from config.seed import read_keys
from domain.access import may
from domain.registry import ROLES
from store.audit import at_console
from store.clients import ClientNameTaken, authenticate, create_client, create_person, knows_password

PEOPLE = tuple(role for role in ROLES if may(role, "admin.read"))
"""The roles that read the console; each person is called after theirs."""


class Command(BaseCommand):
    """Keys and passwords that the database knows stay; a database that does not know them gets new ones."""

    help = "Migrate, and make sure that the demo clients and people exist."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where keys and passwords are kept between one start and the next."""
        parser.add_argument("keys", type=Path)
        parser.add_argument("people", type=Path)

    def handle(self, *_args: Any, keys: Path, people: Path, **_options: Any) -> None:
        """Migrate, then look for the keys and the people."""
        call_command("migrate", interactive=False, verbosity=0)
        before = read_keys(keys)
        _keep(keys, before, {role: _known(before.get(role, "")) or _created(role) for role in ROLES})
        met = read_keys(people)
        known = {name: password for name, password in met.items() if knows_password(name, password)}
        _keep(people, met, known if len(known) == len(PEOPLE) else dict(_person(role) for role in PEOPLE))


def _keep(file: Path, before: dict[str, str], after: dict[str, str]) -> None:
    if after != before:
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps(after, indent=2) + "\n")


def _known(key: str) -> str | None:
    return key if authenticate(key) else None


def _created(role: str) -> str:
    try:
        return create_client(f"demo-{role}", role, at_console())
    except ClientNameTaken:  # its key is lost with an old DATA_DIR
        return create_client(f"demo-{role}-{secrets.token_hex(3)}", role, at_console())


def _person(role: str) -> tuple[str, str]:
    name, password = role, secrets.token_urlsafe(12)
    try:
        create_person(name, role, password, at_console())
    except ClientNameTaken:  # the password is lost with an old DATA_DIR
        name = f"{role}-{secrets.token_hex(3)}"
        create_person(name, role, password, at_console())
    return name, password
