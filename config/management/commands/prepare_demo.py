"""`manage.py prepare_demo FILE`: the tables, and a client for each role whose keys stand in FILE (`make up` calls it).

One process does both, because starting Django costs more than either.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from config.seed import read_keys
from domain.registry import ROLES
from store.audit import at_console
from store.clients import ClientNameTaken, authenticate, create_client


class Command(BaseCommand):
    """Keys that the database knows stay; a database that does not know them gets new ones."""

    help = "Migrate, and make sure that the demo clients exist."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the keys are kept between one start and the next."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        """Migrate, then look for the keys."""
        call_command("migrate", interactive=False, verbosity=0)
        before = read_keys(file)
        keys = {role: _known(before.get(role, "")) or _created(role) for role in ROLES}
        if keys != before:
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
            file.write_text(json.dumps(keys, indent=2) + "\n")


def _known(key: str) -> str | None:
    return key if authenticate(key) else None


def _created(role: str) -> str:
    try:
        return create_client(f"demo-{role}", role, at_console())
    except ClientNameTaken:  # its key is lost with an old DATA_DIR
        return create_client(f"demo-{role}-{secrets.token_hex(3)}", role, at_console())
