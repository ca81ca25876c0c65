"""Who submits commands, with their keys, and the trail of what people do beside commands."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from domain.registry import ROLES
from store.models.conditions import one_of


class Client(models.Model):
    """Who submits commands: a till, an integration, a person. Never deleted, only deactivated.

    A person has a user, whose password opens the API (by a token) and the admin; machines have keys.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="client")
    is_active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "client"
        constraints = [models.CheckConstraint(name="client_role", condition=one_of("role", ROLES))]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A key of a client: the prefix is public, of the secret only its SHA-256 is kept."""

    prefix = models.CharField(max_length=16, primary_key=True)
    secret_hash = models.BinaryField(max_length=32)
    client = models.ForeignKey(Client, models.PROTECT, related_name="keys")
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key"

    def __str__(self) -> str:
        return self.prefix


class AuditEntry(models.Model):
    """Who did what beside commands, which are their own record: one row an act, in its transaction; append-only.

    `actor` keeps the name also where there is no client: a failed login, somebody at the console. `changes` maps each
    field to what it was and what it became; secrets never stand there.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    client = models.ForeignKey(Client, models.PROTECT, null=True, related_name="audit_entries")
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=8)
    action = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    changes = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, null=True)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        db_table = "audit_entry"
        verbose_name_plural = "audit entries"
        constraints = [models.CheckConstraint(name="audit_entry_via", condition=one_of("via", ("api", "admin", "cli")))]
        indexes = [
            models.Index(name="audit_entry_of_subject", fields=["subject_type", "subject_id", "id"]),
            models.Index(name="audit_entry_by_action", fields=["action", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
