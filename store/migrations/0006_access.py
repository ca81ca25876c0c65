"""People beside machines, the last use of keys, and the audit trail with its guard."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

_AUDIT = """
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW
    EXECUTE FUNCTION refuse('audit_entry is append-only');
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT
    EXECUTE FUNCTION refuse('audit_entry is append-only');
"""


class Migration(migrations.Migration):
    """Columns, table, guard."""

    dependencies = [
        ("store", "0005_webhooks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="last_used_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="client",
            name="user",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="client",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.CharField(max_length=150)),
                ("via", models.CharField(max_length=8)),
                ("action", models.CharField(max_length=64)),
                ("subject_type", models.CharField(max_length=32)),
                ("subject_id", models.CharField(max_length=64)),
                ("changes", models.JSONField(default=dict)),
                ("request_id", models.CharField(max_length=64, null=True)),
                ("address", models.GenericIPAddressField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_entries",
                        to="store.client",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "db_table": "audit_entry",
                "indexes": [
                    models.Index(fields=["subject_type", "subject_id", "id"], name="audit_entry_of_subject"),
                    models.Index(fields=["action", "id"], name="audit_entry_by_action"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("via__in", ("api", "admin", "cli"))), name="audit_entry_via"
                    )
                ],
            },
        ),
        migrations.RunSQL(_AUDIT, migrations.RunSQL.noop),
    ]
