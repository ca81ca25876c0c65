"""People log in: a name and a password for a token."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import tokens
from api.problems import Problem, rate_limited
from api.schema.operation import Answer, described
from domain.fields import Text, parse, required
from store import passwords
from store.passwords import TooManyLogins

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

    @described(
        "create_token",
        {200: Answer("Token", ("Cache-Control",))},
        body=Credentials,
        example={"username": "maria", "password": "correct horse battery staple"},
        problems={401: ("unauthenticated",), 429: ("rate-limited",)},
    )
    def post(self, request: Request) -> Response:
        """`access`, and for how many seconds it is good."""
        credentials = parse(Credentials, request.data)
        try:
            caller = passwords.person_of(request._request, credentials.username, credentials.password)
        except TooManyLogins as refused:
            raise rate_limited(str(refused), refused.seconds) from None
        if caller is None:
            raise Problem(401, "unauthenticated", "The name or the password is wrong.", headers=_CHALLENGE)
        return Response(tokens.issued(caller), headers={"Cache-Control": "no-store"})


class LoginRefusals:
    """A middleware of pages: what the admin's login form answers when a login is not even tried."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The page as it is."""
        return self._get_response(request)

    def process_exception(self, _request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A line of text, and when to try again; None for any other exception."""
        if not isinstance(exception, TooManyLogins):
            return None
        headers = {"Retry-After": str(exception.seconds)}
        return HttpResponse(str(exception), status=429, headers=headers, content_type="text/plain")
