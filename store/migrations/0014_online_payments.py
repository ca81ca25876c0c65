"""Online payments: what a provider is asked, payments that are pending meanwhile, and orders that wait, with guards."""

import django.db.models.deletion
from django.db import migrations, models

# While the provider is asked, and once it has answered, an order is frozen and thawed in its present version; after a
# yes it is thawed with its next one, which pays it, refunds or cancels it. Who has to give the money back is known by
# `paid_by`.
_ORDERS = """
DROP TRIGGER orders_versions ON orders;
CREATE TRIGGER orders_versions BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.version <> OLD.version + 1 AND NOT (NEW.version = OLD.version
        AND (OLD.asked_by IS NULL) <> (NEW.asked_by IS NULL)
        AND to_jsonb(OLD) - 'asked_by' = to_jsonb(NEW) - 'asked_by'))
    EXECUTE FUNCTION refuse('the version rises by one with every change');
CREATE TRIGGER orders_asked BEFORE UPDATE ON orders FOR EACH ROW
    WHEN ((OLD.asked_by IS NOT NULL OR NEW.asked_by IS NOT NULL) AND NEW.version <> OLD.version AND NOT (
        NEW.asked_by IS NULL
        AND (OLD.status <> NEW.status AND NEW.status = 'paid' OR NEW.refunded_total > OLD.refunded_total)
        AND (OLD.total, OLD.currency, OLD.note) IS NOT DISTINCT FROM (NEW.total, NEW.currency, NEW.note)))
    EXECUTE FUNCTION refuse('while the payment provider is asked nothing changes, then what it was asked for alone');
DROP TRIGGER orders_paid ON orders;
CREATE TRIGGER orders_paid BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.paid_total <> CASE WHEN OLD.status = 'draft' AND NEW.status = 'paid' THEN NEW.total
                                 ELSE OLD.paid_total END
          OR (NEW.paid_by IS DISTINCT FROM OLD.paid_by AND NOT (OLD.status = 'draft' AND NEW.status = 'paid')))
    EXECUTE FUNCTION refuse('paid_total is the total, and paid_by the method, from the payment on');
DROP TRIGGER orders_births ON orders;
CREATE TRIGGER orders_births BEFORE INSERT ON orders FOR EACH ROW
    WHEN ((NEW.workflow, NEW.status) NOT IN (('counter', 'draft'), ('fulfilment', 'pending')) OR NEW.version <> 1
          OR NEW.asked_by IS NOT NULL)
    EXECUTE FUNCTION refuse('an order begins as a draft or pending, at version 1, and waits for nobody');
"""

# As before, and not while the provider is asked.
_LINES = """
CREATE OR REPLACE FUNCTION refuse_frozen_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.order_id ELSE NEW.order_id END;
    refunds bool := TG_OP = 'UPDATE' AND OLD.refunded_qty <= NEW.refunded_qty
        AND to_jsonb(OLD) - 'refunded_qty' = to_jsonb(NEW) - 'refunded_qty';
BEGIN
    PERFORM 1 FROM orders WHERE id = parent AND asked_by IS NULL
        AND (status = 'draft' OR (TG_OP = 'INSERT' AND workflow = 'fulfilment' AND xmin = pg_current_xact_id()::xid)
             OR (status = 'paid' AND refunds));
    IF NOT FOUND OR (TG_OP = 'UPDATE' AND OLD.order_id <> NEW.order_id) THEN
        RAISE EXCEPTION 'order_line: the lines of order % are frozen', parent USING ERRCODE = 'check_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""

_COMMANDS = """
CREATE TRIGGER command_asked BEFORE UPDATE ON command FOR EACH ROW
    WHEN (OLD.status IN ('running', 'uncertain') AND NOT (NEW.status IN ('running', 'uncertain', 'succeeded')
          OR NEW.status = 'failed' AND coalesce(NEW.error ->> 'code', '') = 'payment-declined'))
    EXECUTE FUNCTION refuse('a command that has asked the payment provider ends by its answer');
CREATE TRIGGER command_answer BEFORE UPDATE ON command FOR EACH ROW
    WHEN (NEW.status IN ('cancelled', 'expired') AND OLD.status NOT IN ('cancelled', 'expired')
          AND OLD.type = 'payment.settle')
    EXECUTE FUNCTION refuse('an answer of the payment provider is always executed');
"""

_PAYMENTS = """
DROP TRIGGER payment_frozen ON payment;
CREATE TRIGGER payment_frozen BEFORE UPDATE ON payment FOR EACH ROW
    WHEN ((OLD.id, OLD.order_id, OLD.command_id, OLD.method, OLD.provider, OLD.amount, OLD.tendered, OLD.currency,
           OLD.reference, OLD.created_at)
          IS DISTINCT FROM
          (NEW.id, NEW.order_id, NEW.command_id, NEW.method, NEW.provider, NEW.amount, NEW.tendered, NEW.currency,
           NEW.reference, NEW.created_at)
          OR (OLD.status, NEW.status) NOT IN (('captured', 'captured'), ('captured', 'refunded'),
                                              ('pending', 'captured'), ('pending', 'declined'))
          OR (OLD.status <> 'pending' AND OLD.provider_reference IS DISTINCT FROM NEW.provider_reference))
    EXECUTE FUNCTION refuse('a payment changes from pending to captured or declined, from captured to refunded');
"""

_REQUESTS = """
CREATE TRIGGER provider_request_frozen BEFORE UPDATE ON provider_request FOR EACH ROW
    WHEN ((OLD.id, OLD.order_id, OLD.payment_id, OLD.amount, OLD.payment_method, OLD.asked_at)
          IS DISTINCT FROM
          (NEW.id, NEW.order_id, NEW.payment_id, NEW.amount, NEW.payment_method, NEW.asked_at)
          OR OLD.settled_at IS NOT NULL OR NEW.attempts_made < OLD.attempts_made
          OR (OLD.is_yes IS NOT NULL AND (OLD.is_yes, OLD.reference, OLD.detail)
                                         IS DISTINCT FROM (NEW.is_yes, NEW.reference, NEW.detail)))
    EXECUTE FUNCTION refuse('what was asked never changes, and the first answer stands');
CREATE TRIGGER provider_request_kept BEFORE DELETE ON provider_request FOR EACH ROW
    EXECUTE FUNCTION refuse('what was asked is never deleted');
CREATE TRIGGER provider_request_no_truncate BEFORE TRUNCATE ON provider_request FOR EACH STATEMENT
    EXECUTE FUNCTION refuse('what was asked is never deleted');
ALTER TABLE provider_request SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
"""


class Migration(migrations.Migration):
    """Table, columns, guards."""

    dependencies = [
        ("store", "0013_dead_letters"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProviderRequest",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("order_id", models.UUIDField()),
                ("amount", models.DecimalField(decimal_places=0, max_digits=30)),
                ("payment_method", models.CharField(max_length=255, null=True)),
                ("asked_at", models.DateTimeField()),
                ("attempts_made", models.IntegerField(db_default=0)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("is_yes", models.BooleanField(null=True)),
                ("reference", models.CharField(max_length=255, null=True)),
                ("detail", models.CharField(max_length=2000, null=True)),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "provider_request",
            },
        ),
        migrations.RemoveConstraint(
            model_name="payment",
            name="payment_status",
        ),
        migrations.RemoveConstraint(
            model_name="payment",
            name="payment_once",
        ),
        migrations.AddField(
            model_name="command",
            name="moved_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="asked_by",
            field=models.UUIDField(null=True),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("asked_by__isnull", True), ("status__in", ("draft", "paid")), _connector="OR"),
                name="orders_asked",
            ),
        ),
        migrations.AddField(
            model_name="payment",
            name="provider",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="payment",
            name="provider_reference",
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddField(
            model_name="refund",
            name="provider_reference",
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ("pending", "captured", "declined", "refunded")),
                    models.Q(("status__in", ("captured", "refunded")), ("provider__isnull", False), _connector="OR"),
                ),
                name="payment_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ("pending", "captured"))), fields=("order",), name="payment_once"
            ),
        ),
        migrations.AddField(
            model_name="providerrequest",
            name="payment",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="store.payment"
            ),
        ),
        migrations.AddIndex(
            model_name="providerrequest",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False)),
                fields=["next_attempt_at"],
                name="provider_request_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerrequest",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="provider_request_amount"),
        ),
        migrations.AddConstraint(
            model_name="providerrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_attempt_at__isnull", False), ("settled_at__isnull", True)),
                    models.Q(
                        ("is_yes__isnull", False), ("next_attempt_at__isnull", True), ("settled_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="provider_request_due",
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (_ORDERS, _LINES, _COMMANDS, _PAYMENTS, _REQUESTS)),
    ]
