"""The Django app of the store."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """All tables live here."""

    name = "store"
    verbose_name = "Orderly"
