"""`manage.py create_key NAME`: a client's second API key, so that the first can be revoked when nobody uses it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.console import one_line_errors
from store.audit import at_console
from store.clients import issue_key


class Command(BaseCommand):
    """Prints exactly one line, `Api-Key prefix.secret`."""

    help = "Print a new API key of the client, which may have two at a time; it is not shown again."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """The client."""
        parser.add_argument("name", nargs="?", default="", metavar="NAME")

    def handle(self, *_args: Any, name: str, **_options: Any) -> None:
        """Issue, or say in one line why not."""
        with one_line_errors():
            self.stdout.write(f"Api-Key {issue_key(name, at_console())}")
