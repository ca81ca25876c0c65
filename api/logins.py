"""People log in: a name and a password for a token."""

from dataclasses import dataclass

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import tokens
from api.problems import Problem
from domain.fields import Text, parse, required
from store import clients

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="orderly"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a person knows."""

    username: str = required(Text(maximum=150))
    password: str = required(Text(maximum=4_096))


class TokenView(APIView):
    """`POST /auth/token`: a token for a name and a password."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        """`access`, and for how many seconds it is good."""
        credentials = parse(Credentials, request.data)
        caller = clients.authenticate_person(credentials.username, credentials.password)
        if caller is None:
            raise Problem(401, "unauthenticated", "The name or the password is wrong.", headers=_CHALLENGE)
        return Response(tokens.issued(caller), headers={"Cache-Control": "no-store"})
