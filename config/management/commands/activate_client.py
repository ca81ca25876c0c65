"""`manage.py activate_client NAME`: the opposite of deactivate_client."""

from config.management.commands import deactivate_client


class Command(deactivate_client.Command):
    """Prints one line; the same when it was so already."""

    help = "Let a client in again."
    active = True
