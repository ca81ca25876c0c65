"""`manage.py create_client NAME --role ROLE`: a client with one API key, shown this once and kept as a hash."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.console import one_line_errors
from domain.registry import ROLES
from store.audit import at_console
from store.clients import create_client


class Command(BaseCommand):
    """Prints exactly one line, `Api-Key prefix.secret`."""

    help = "Create a client and print its API key, which is not shown again."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Both are checked below: argparse would answer with its usage and exit code 2."""
        parser.add_argument("name", nargs="?", default="", metavar="NAME", help="1 to 64 of A-Z a-z 0-9 . _ -")
        parser.add_argument("--role", default="", help=", ".join(ROLES))

    def handle(self, *_args: Any, name: str, role: str, **_options: Any) -> None:
        """Create, or say in one line why not."""
        with one_line_errors():
            self.stdout.write(f"Api-Key {create_client(name, role, at_console())}")
