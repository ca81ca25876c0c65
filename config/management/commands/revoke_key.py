"""`manage.py revoke_key PREFIX`: an API key that works no longer, a second later in every process."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.console import one_line_errors
from store.audit import at_console
from store.clients import revoke_key


class Command(BaseCommand):
    """Prints one line."""

    help = "Revoke the API key with this prefix."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """What stands before the dot of a key."""
        parser.add_argument("prefix", nargs="?", default="", metavar="PREFIX", help="what stands before the dot")

    def handle(self, *_args: Any, prefix: str, **_options: Any) -> None:
        """Revoke, or say in one line why not."""
        with one_line_errors():
            if not revoke_key(prefix, at_console()):
                raise ValueError(f"there is no live key {prefix!r}; `manage.py list_clients` lists them")
        self.stdout.write(f"{prefix} is revoked.")
