"""Preconditions: `If-Match` and `If-None-Match` against the version in a resource's ETag (RFC 9110, section 13)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from api.problems import Problem, invalid_header

VERSION_MAX = 2**53 - 1

# Possessive throughout: no header, however long and broken, makes these go back and try again.
_TAG = r'(?:W/)?+"[\x21\x23-\x7e\x80-\xff]*+"'
_TAGS = re.compile(rf"[ \t,]*+{_TAG}[ \t]*+(?:,[ \t]*+(?:{_TAG}[ \t]*+)?+)*+")
_VERSION = r"[1-9][0-9]{0,15}+"
_VERSION_OF_TAG = re.compile(rf'"({_VERSION})(?:-[0-9]++)*+"')


def etag(version: int, *more: int) -> str:
    """The strong tag of a version; `more` is what is shown and moves without the version."""
    return f'"{"-".join(map(str, (version, *more)))}"'


def unless_known(request: Request, tag: str, shown: Mapping[str, Any]) -> Response:
    """The resource with its tag, or 304 when the caller has it as it is."""
    if matches(request.META.get("HTTP_IF_NONE_MATCH", ""), tag):
        return Response(status=304, headers={"ETag": tag})
    return Response(shown, headers={"ETag": tag})


def matches(if_none_match: str, tag: str) -> bool:
    """Whether one of the header's tags is this one, weak or strong; a malformed header has none."""
    tags = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return "*" in tags or tag in tags


def if_match(request: Request) -> Callable[[int], bool]:
    """Whether a version is one of those that the request's `If-Match` names; raises 400 when that is malformed.

    Compared strongly: a weak tag names none. Of a tag the version alone counts, for an edit changes nothing else.
    """
    header = _if_match_of(request)
    if header is None:
        return lambda _version: True
    if not _TAGS.fullmatch(header):
        raise invalid_header("If-Match", 'must be * or a list of entity tags such as "3"')
    found = [_VERSION_OF_TAG.fullmatch(tag) for tag in re.findall(_TAG, header)]
    versions = {int(match[1]) for match in found if match}
    return lambda version: version in versions


def expected_version(request: Request) -> int | None:
    """The one version that a command's `If-Match` names, None without one or for `*`; raises 400 for anything else."""
    header = _if_match_of(request)
    if header is None:
        return None
    match = _VERSION_OF_TAG.fullmatch(header)
    if match is None or int(match[1]) > VERSION_MAX:
        raise invalid_header("If-Match", 'must be * or the version as one strong entity tag such as "3"')
    return int(match[1])


def false_precondition() -> Problem:
    """412: the resource is not, or no longer, as the caller says."""
    return Problem(412, "precondition-failed", "The If-Match header names another version than the present one.")


def _if_match_of(request: Request) -> str | None:
    header: str | None = request.META.get("HTTP_IF_MATCH")
    if header is None or header.strip(" \t") == "*":
        return None
    return header.strip(" \t")
