"""The Django app of the console: its templates and static files."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """It has no tables."""

    name = "api.console"
    label = "console"
    verbose_name = "Console"
