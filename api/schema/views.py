"""`/api/schema/` and `/api/docs/`: the description as JSON or YAML, and a page to read and try it, all from here."""

import functools
import hashlib
from typing import Any

from django.http import HttpResponse
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.preconditions import matches
from api.schema.document import document
from api.schema.operation import Answer, described


class SchemaView(APIView):
    """`GET /api/schema/`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer2, OpenApiYamlRenderer]

    @described("read_schema", {200: Answer("Document", ("ETag",))}, headers=("If-None-Match",))
    def get(self, request: Request) -> HttpResponse:
        """This description, in OpenAPI 3.1.

        As JSON, or as YAML for who accepts `application/yaml`.
        """
        media_type = request.accepted_renderer.media_type
        body, tag = _written(media_type)
        headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "no-cache"}
        if matches(request.META.get("HTTP_IF_NONE_MATCH", ""), tag):
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(body, content_type=media_type, headers=headers)


class DocsView(SpectacularSwaggerView):
    """`GET /api/docs/`."""

    url = "/api/schema/"
    http_method_names = ["get", "head"]  # there is no page for the answer to OPTIONS

    @described("read_docs", {200: Answer("Text", media_type="text/html")})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page to read this description, and to try it.

        `Authorize` takes `Api-Key <prefix>.<secret>`, or a person's token. Everything it needs comes from this server.
        """
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response.data["csrf_token"] = ""  # the API has no cookies, so the page needs no token and gets no cookie
        return response

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """A problem is JSON here too."""
        final = super().finalize_response(request, response, *args, **kwargs)
        if final.exception:
            final.accepted_renderer = JSONRenderer()
        return final


@functools.cache
def _written(media_type: str) -> tuple[bytes, str]:
    """The document in this form, and its tag: it is the same for as long as the process lives."""
    renderer: Any = JSONRenderer() if media_type.endswith("json") else OpenApiYamlRenderer()
    body: bytes = renderer.render(document())
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
