"""Tax rates of products and of the lines that keep them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns and constraints."""

    dependencies = [
        ("store", "0006_access"),
    ]

    operations = [
        migrations.AddField(
            model_name="orderline",
            name="tax_rate",
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="product",
            name="tax_rate",
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("tax_rate__gte", 0), ("tax_rate__lte", 10000)), name="order_line_tax_rate"
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(("tax_rate__gte", 0), ("tax_rate__lte", 10000)), name="product_tax_rate"
            ),
        ),
    ]
