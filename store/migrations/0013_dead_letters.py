"""An index of the dead letters alone, nearly always empty, so it costs a command nothing; and a plural."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Index, plural."""

    dependencies = [
        ("store", "0012_request_ids"),
    ]

    operations = [
        migrations.AlterModelOptions(name="delivery", options={"verbose_name_plural": "deliveries"}),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                name="command_dead",
                fields=["id"],
                condition=models.Q(
                    ("error__code__in", ["internal-error", "poisoned"]),
                    ("purged_at__isnull", True),
                    ("status", "failed"),
                ),
            ),
        ),
    ]
