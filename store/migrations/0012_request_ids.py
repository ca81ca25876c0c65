"""Which request asked for a command and what it made happen."""

from django.db import migrations, models

_IDENTITY = """
DROP TRIGGER command_identity ON command;
CREATE TRIGGER command_identity BEFORE UPDATE ON command FOR EACH ROW
    WHEN ((OLD.id, OLD.lane, OLD.type, OLD.client_id, OLD.idempotency_key, OLD.body_hash, OLD.order_id,
           OLD.expected_version, OLD.expires_at, OLD.not_before, OLD.occurred_at, OLD.device_sequence,
           OLD.traceparent, OLD.request_id, OLD.accepted_at)
          IS DISTINCT FROM
          (NEW.id, NEW.lane, NEW.type, NEW.client_id, NEW.idempotency_key, NEW.body_hash, NEW.order_id,
           NEW.expected_version, NEW.expires_at, NEW.not_before, NEW.occurred_at, NEW.device_sequence,
           NEW.traceparent, NEW.request_id, NEW.accepted_at)
          OR (OLD.payload IS DISTINCT FROM NEW.payload AND NEW.purged_at IS NULL))
    EXECUTE FUNCTION refuse('what was asked never changes');
"""


class Migration(migrations.Migration):
    """Columns, guard."""

    dependencies = [
        ("store", "0011_delivery_by_type"),
    ]

    operations = [
        migrations.AddField(
            model_name="command",
            name="request_id",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="event",
            name="request_id",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="event",
            name="traceparent",
            field=models.CharField(max_length=55, null=True),
        ),
        migrations.RunSQL(_IDENTITY, migrations.RunSQL.noop),
    ]
