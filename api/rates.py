"""Rates: each authenticated request costs one, a batch one for each entry; every answer says how much is left.

Headers as draft-ietf-httpapi-ratelimit-headers has them. A submission over the rate is refused after everything else
about it has been judged (api/submission.py), so that a known key is answered all the same; all others at once.
"""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from api.authentication import caller_of
from api.problems import Problem, rate_limited
from store import rates
from store.clients import Caller
from store.rates import WINDOW_SECONDS, Standing

if TYPE_CHECKING:  # the settings of views name the class below
    from rest_framework.views import APIView

HEADERS = ("RateLimit", "RateLimit-Policy")
_STANDING = "orderly.standing"
_READS = {"GET", "HEAD", "OPTIONS"}


class ClientRate(BaseThrottle):
    """Asked once for each request that has been authenticated."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """True; raises 429 for a request over its client's rate, unless its view `submits` and decides later."""
        if isinstance(request.user, Caller):
            standing = request.META[_STANDING] = _taken(request.user, view, 1)
            if not standing.granted and (request.method in _READS or not getattr(view, "submits", False)):
                raise over_rate(standing)
        return True


def admitted(request: Request) -> Standing:
    """How the client of a submission stands; 1 is granted, or none."""
    standing: Standing = request.META[_STANDING]
    return standing


def admitted_together(request: Request, view: "APIView", entries: int) -> Standing:
    """How the client of a batch stands; the first so many entries are granted. The first was paid for with the rest
    of the request."""
    first = admitted(request)
    if entries == 1 or not first.granted:
        return first
    others = _taken(caller_of(request), view, entries - 1)
    return Standing(granted=1 + others.granted, limit=others.limit, remaining=others.remaining, seconds=others.seconds)


def over_rate(standing: Standing) -> Problem:
    """429: not before the window ends."""
    detail = f"At most {standing.limit} requests in {WINDOW_SECONDS} seconds; the next ones in {standing.seconds}."
    return rate_limited(detail, standing.seconds)


def _taken(caller: Caller, view: "APIView", cost: int) -> Standing:
    standing = rates.take(caller.id, cost, settings.RATE_LIMIT_PER_MINUTE)
    view.headers |= {
        "RateLimit": f'"default";r={standing.remaining};t={standing.seconds}',
        "RateLimit-Policy": f'"default";q={standing.limit};w={WINDOW_SECONDS}',
    }
    return standing
