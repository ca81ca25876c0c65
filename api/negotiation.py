"""Content negotiation: answers are JSON, whatever of it the client accepts."""

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JSONNegotiation(DefaultContentNegotiation):
    """The default one, but quick for clients that accept anything, and deaf to `?format=`."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The JSON renderer; NotAcceptable when the client accepts no JSON."""
        if request.META.get("HTTP_ACCEPT", "*/*") in {"*/*", "application/json"}:
            renderer = next(iter(renderers))
            return renderer, renderer.media_type
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        return chosen


class AnyNegotiation(JSONNegotiation):
    """For what is no JSON unless it goes wrong: whatever the client accepts, its `format` parameter decides."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The only renderer, for problems."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
