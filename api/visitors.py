"""Visitors of a demonstration get a token without a name or a password; nobody else's deployment gives one."""

from django.conf import settings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import tokens
from api.problems import not_found_problem
from store import clients


class VisitorTokenView(APIView):
    """`POST /demo/token`: a token like that of `POST /auth/token`, for the client that all visitors share."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None  # no part of the contract that clients are written against

    def post(self, _request: Request) -> Response:
        """`access`, and for how many seconds it is good; 404 unless DEMO is on."""
        caller = clients.visitor() if settings.DEMO else None
        if caller is None:
            raise not_found_problem()
        return Response(tokens.issued(caller), headers={"Cache-Control": "no-store"})
