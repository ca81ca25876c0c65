"""Problems (RFC 9457): why a request was refused, or why a command failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_KNOWN = frozenset({"type", "title", "status", "detail", "code", "retryable", "errors"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with a request; `place` is a JSON pointer, or the name of a header or a query parameter."""

    place: str
    code: str
    detail: str

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> "Fault":
        place = next((str(shown[name]) for name in ("pointer", "header", "parameter") if name in shown), "")
        return cls(place=place, code=str(shown.get("code", "")), detail=str(shown.get("detail", "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`code` is stable, `detail` is for people; `status` is None in the error of a command.

    `extra` has what belongs to some codes alone, as `allowed` of `invalid-transition` or `shortages` of
    `insufficient-stock`.
    """

    code: str
    title: str
    detail: str
    status: int | None = None
    retryable: bool | None = None
    errors: tuple[Fault, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """As it came."""

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> "Problem":
        """From its JSON object. Raises KeyError or TypeError if it is none."""
        code = shown["code"]
        if not isinstance(code, str):
            raise TypeError(f"{code!r} is no code")
        return cls(
            code=code,
            title=shown.get("title") or "",
            detail=shown.get("detail") or "",
            status=shown.get("status"),
            retryable=shown.get("retryable"),
            errors=tuple(map(Fault.of, shown.get("errors") or ())),
            extra={name: value for name, value in shown.items() if name not in _KNOWN},
            shown=shown,
        )

    def __str__(self) -> str:
        return f"{self.code}: {self.detail or self.title}"
