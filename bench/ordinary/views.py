"""The two endpoints of the ordinary design: submit a command, look at it."""

import uuid
from functools import partial
from typing import cast

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.ordinary.models import Client, Command
from bench.ordinary.serializers import CommandSerializer, SubmissionSerializer
from bench.ordinary.tasks import pay


class Commands(APIView):
    """`POST /commands`."""

    def post(self, request: Request) -> Response:
        """Store the command once for each client and key, and have it executed after the commit."""
        key = request.headers.get("Idempotency-Key", "")
        if not 1 <= len(key) <= 255:
            raise ValidationError({"Idempotency-Key": "1 to 255 characters are required"})
        submission = SubmissionSerializer(data=request.data)
        submission.is_valid(raise_exception=True)
        client = cast(Client, request.user)
        try:
            with transaction.atomic():
                command = Command.objects.create(
                    client=client,
                    idempotency_key=key,
                    type=submission.validated_data["type"],
                    order_id=submission.validated_data["order_id"],
                    payload=submission.initial_data["payload"],
                )
                transaction.on_commit(partial(pay.delay, str(command.id)))
        except IntegrityError:
            command = Command.objects.get(client=client, idempotency_key=key)
        location = {"Location": f"/api/v1/commands/{command.id}"}
        return Response(CommandSerializer(command).data, status=202, headers=location)


class OneCommand(APIView):
    """`GET /commands/{id}`."""

    def get(self, request: Request, command_id: uuid.UUID) -> Response:
        """The command and its outcome."""
        command = get_object_or_404(Command, id=command_id, client=cast(Client, request.user))
        return Response(CommandSerializer(command).data)
