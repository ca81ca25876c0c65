"""`manage.py set_password NAME`: a person's new password."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.console import one_line_errors
from config.management.commands.create_person import chosen_password
from store.audit import at_console
from store.clients import set_password


class Command(BaseCommand):
    """Prints one line: the password, if it was made here."""

    help = "Give a person a new password; it ends their sessions in the admin."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Who."""
        parser.add_argument("name", nargs="?", default="", metavar="NAME")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *_args: Any, name: str, password_stdin: bool, **_options: Any) -> None:
        """Set, or say in one line why not."""
        password = chosen_password(from_stdin=password_stdin)
        with one_line_errors():
            set_password(name, password, at_console())
        self.stdout.write(f"{name} has a new password." if password_stdin else f"Password {password}")
