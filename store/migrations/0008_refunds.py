"""Refunds: what was paid and what of it went back, on orders, lines and in a ledger, with their guards."""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

# What was paid before these columns were there; nothing had been refunded but by cancelling.
_PAST = """
ALTER TABLE orders DISABLE TRIGGER USER;
UPDATE orders SET paid_total = total WHERE status = 'paid';
UPDATE orders SET paid_total = total, refunded_total = total
WHERE status = 'cancelled' AND EXISTS (SELECT FROM payment WHERE order_id = orders.id AND payment.status = 'refunded');
ALTER TABLE orders ENABLE TRIGGER USER;
"""

_ORDERS = """
CREATE TRIGGER orders_paid BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.paid_total <> CASE WHEN OLD.status = 'draft' AND NEW.status = 'paid' THEN NEW.total
                                 ELSE OLD.paid_total END)
    EXECUTE FUNCTION refuse('paid_total is the total from the payment on');
CREATE TRIGGER orders_refunded BEFORE UPDATE ON orders FOR EACH ROW
    WHEN ((OLD.refunded_total, OLD.refunded_tax) <> (NEW.refunded_total, NEW.refunded_tax)
          AND (OLD.status <> 'paid' OR NEW.refunded_total < OLD.refunded_total OR NEW.refunded_tax < OLD.refunded_tax))
    EXECUTE FUNCTION refuse('refunds of a paid order rise, nothing else changes them');
CREATE TRIGGER orders_returned BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.status = 'cancelled' AND NEW.refunded_total <> NEW.paid_total)
    EXECUTE FUNCTION refuse('a cancelled order has given its money back');
CREATE TRIGGER orders_unpaid BEFORE INSERT ON orders FOR EACH ROW
    WHEN ((NEW.paid_total, NEW.refunded_total, NEW.refunded_tax) <> (0, 0, 0))
    EXECUTE FUNCTION refuse('an order begins unpaid');
"""

# As before, and the pieces refunded of a paid order's line may rise.
_LINES = """
CREATE OR REPLACE FUNCTION refuse_frozen_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.order_id ELSE NEW.order_id END;
    refunds bool := TG_OP = 'UPDATE' AND OLD.refunded_qty <= NEW.refunded_qty
        AND to_jsonb(OLD) - 'refunded_qty' = to_jsonb(NEW) - 'refunded_qty';
BEGIN
    PERFORM 1 FROM orders WHERE id = parent
        AND (status = 'draft' OR (TG_OP = 'INSERT' AND workflow = 'fulfilment' AND xmin = pg_current_xact_id()::xid)
             OR (status = 'paid' AND refunds));
    IF NOT FOUND OR (TG_OP = 'UPDATE' AND OLD.order_id <> NEW.order_id) THEN
        RAISE EXCEPTION 'order_line: the lines of order % are frozen', parent USING ERRCODE = 'check_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""

_REFUNDS = """
CREATE TRIGGER refund_append_only BEFORE UPDATE OR DELETE ON refund FOR EACH ROW
    EXECUTE FUNCTION refuse('a ledger is append-only');
CREATE TRIGGER refund_no_truncate BEFORE TRUNCATE ON refund FOR EACH STATEMENT
    EXECUTE FUNCTION refuse('a ledger is append-only');
"""


class Migration(migrations.Migration):
    """Columns, table, guards."""

    dependencies = [
        ("store", "0007_tax"),
    ]

    operations = [
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, primary_key=True, serialize=False)),
                ("order_id", models.UUIDField()),
                ("command_id", models.UUIDField(unique=True)),
                ("amount", models.DecimalField(decimal_places=0, max_digits=30)),
                ("tax", models.DecimalField(decimal_places=0, max_digits=30)),
                ("currency", models.CharField(max_length=3)),
                ("restock", models.BooleanField()),
                ("reason", models.CharField(max_length=2000, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "refund",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="paid_total",
            field=models.DecimalField(db_default=0, decimal_places=0, max_digits=30),
        ),
        migrations.AddField(
            model_name="order",
            name="refunded_tax",
            field=models.DecimalField(db_default=0, decimal_places=0, max_digits=30),
        ),
        migrations.AddField(
            model_name="order",
            name="refunded_total",
            field=models.DecimalField(db_default=0, decimal_places=0, max_digits=30),
        ),
        migrations.AddField(
            model_name="orderline",
            name="refunded_qty",
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_tax__gte", 0),
                    ("refunded_tax__lte", models.F("refunded_total")),
                    ("refunded_total__lte", models.F("paid_total")),
                    ("paid_total__lte", models.F("total")),
                ),
                name="orders_refunds",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("refunded_qty__gte", 0), ("refunded_qty__lte", models.F("qty"))),
                name="order_line_refunded",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="payment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="refunds", to="store.payment"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("tax__gte", 0), ("tax__lte", models.F("amount"))),
                name="refund_amount",
            ),
        ),
        *(migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (_PAST, _ORDERS, _LINES, _REFUNDS)),
    ]
