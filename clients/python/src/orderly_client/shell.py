"""What both shells do alike: addresses, headers, and turning httpx into replies."""

import inspect
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from orderly_client.calls import API
from orderly_client.conversation import Answer, Lost, Request

DISTRIBUTION = "orderly-client"
_SCHEMES = ("Api-Key ", "Bearer ")
# A wrong address or a bug of ours stays one, however often it is tried.
LOST = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError, httpx.DecodingError)


class Address:
    """Where the API is, and who calls it. The key is no part of any text that is logged."""

    def __init__(self, url: str, key: str) -> None:
        self._api = url.rstrip("/").removesuffix(API) + API
        self._headers = {
            "Authorization": key if key.startswith(_SCHEMES) else f"Api-Key {key}",
            "Accept": "application/json",
            "User-Agent": f"{DISTRIBUTION}/{_version()}",
        }

    def __repr__(self) -> str:
        return self._api

    def arguments(self, request: Request) -> dict[str, Any]:
        """As `httpx.Client.request` takes them."""
        content_type = {"Content-Type": "application/json"} if request.body is not None else {}
        return {
            "method": request.method,
            "url": self._api + request.path,
            "content": request.body,
            "headers": self._headers | content_type | dict(request.headers),
            "timeout": request.timeout_seconds,
            "follow_redirects": False,
        }


def answer_of(response: httpx.Response) -> Answer:
    """The whole answer."""
    headers = {name.lower(): text for name, text in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=response.content)


def lost(error: httpx.HTTPError) -> Lost:
    """Why there is no answer."""
    return Lost(f"{type(error).__name__} {error}".strip())


def described[**P, T](verb: Callable[P, T], name: str, make: Callable[..., object]) -> Callable[P, T]:
    """Give a verb the name, the description and the parameters of what makes its draft, for `help()`."""
    verb.__name__ = name
    verb.__qualname__ = name
    verb.__doc__ = make.__doc__
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    parameters = [itself, *inspect.signature(make).parameters.values()]
    verb.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return verb


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:  # run from its source
        return "source"
