"""What the ordinary design reads and shows."""

from rest_framework import serializers

from bench.ordinary.models import Command


class PaymentSerializer(serializers.Serializer[dict[str, object]]):
    """The payload of a pay command."""

    method = serializers.ChoiceField(choices=["cash", "card"])
    amount = serializers.DecimalField(max_digits=12, decimal_places=2, required=False)
    tendered = serializers.DecimalField(max_digits=12, decimal_places=2, required=False)
    reference = serializers.CharField(max_length=100, required=False)


class SubmissionSerializer(serializers.Serializer[dict[str, object]]):
    """The body of `POST /commands`."""

    type = serializers.ChoiceField(choices=["order.pay"])
    order_id = serializers.UUIDField()
    payload = PaymentSerializer()


class CommandSerializer(serializers.ModelSerializer[Command]):
    """The command as a client sees it."""

    class Meta:
        model = Command
        fields = [
            "id",
            "type",
            "status",
            "order_id",
            "idempotency_key",
            "result",
            "error",
            "accepted_at",
            "finished_at",
        ]
