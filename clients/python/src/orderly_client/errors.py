"""What may be raised. Everything is an OrderlyError; a command that failed is a value until the caller asks."""

from typing import TYPE_CHECKING

from orderly_client.problems import Fault, Problem

if TYPE_CHECKING:
    from orderly_client.resources import Command


class OrderlyError(Exception):
    """Anything that went wrong."""

    idempotency_key: str | None = None
    """Of the command that was being submitted: the same key and the same command are safe to send again."""
    retry_after_seconds: float | None = None
    """How long the server asked to wait, if it did."""


class UnreachableError(OrderlyError):
    """No answer came, so nobody knows whether the request was carried out."""


class UnexpectedAnswerError(OrderlyError):
    """An answer that is not Orderly's: a gateway's, a captive portal's, a newer server's."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(f"{status}: {what}")
        self.status = status


class ProblemError(OrderlyError):
    """The server said no to a request."""

    def __init__(self, problem: Problem, status: int) -> None:
        super().__init__(str(problem), status)
        self.problem = problem
        self.status = status

    @property
    def code(self) -> str:
        """Stable, for programs."""
        return self.problem.code

    @property
    def detail(self) -> str:
        """For people."""
        return self.problem.detail

    @property
    def errors(self) -> tuple[Fault, ...]:
        """Every place that is wrong, of an invalid request."""
        return self.problem.errors

    def __str__(self) -> str:
        places = "".join(f"\n  {fault.place or 'body'}: {fault.detail} ({fault.code})" for fault in self.errors)
        return f"{self.status} {self.problem}{places}"


class InvalidRequestError(ProblemError):
    """400, 405, 406, 413, 415: the request is wrong, and stays so."""


class UnauthenticatedError(ProblemError):
    """401: the API key is not valid."""


class ForbiddenError(ProblemError):
    """403: the role may not do this."""


class NotFoundError(ProblemError):
    """404: there is no such thing, or it is not the caller's to see."""


class ConflictError(ProblemError):
    """409, 412: the thing is in another state than the request supposes."""


class KeyReusedError(ProblemError):
    """422: the idempotency key was used for another command."""


class ExpiredError(ProblemError):
    """422: `expires_at` had passed before the command arrived."""


class ResultExpiredError(ProblemError):
    """409, 410: the command ended long ago, and its result is no longer kept. It is never executed again."""


class RateLimitedError(ProblemError):
    """429, again and again."""


class UnavailableError(ProblemError):
    """503, again and again. The command may have been stored all the same: send it again under the same key."""


class ServerError(ProblemError):
    """500: a bug of the server's."""


class CommandFailedError(OrderlyError):
    """A command failed, expired or was cancelled; raised by `Command.raise_for_failure()` alone."""

    def __init__(self, command: "Command") -> None:
        super().__init__(f"{command.type} {command.id} {command.status}: {command.error or 'no reason'}")
        self.command = command
        self.idempotency_key = command.idempotency_key

    @property
    def code(self) -> str:
        """The problem's, or the status where there is no problem."""
        return self.command.error.code if self.command.error else self.command.status


class CommandOpenError(OrderlyError):
    """A command has no outcome yet; raised by `Command.raise_for_failure()` alone."""

    def __init__(self, command: "Command") -> None:
        super().__init__(f"{command.type} {command.id} is still {command.status}")
        self.command = command
        self.idempotency_key = command.idempotency_key


_BY_CODE: dict[str, type[ProblemError]] = {
    "idempotency-key-reused": KeyReusedError,
    "expired": ExpiredError,
    "result-expired": ResultExpiredError,
}
_BY_STATUS: dict[int, type[ProblemError]] = {
    400: InvalidRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: InvalidRequestError,
    406: InvalidRequestError,
    409: ConflictError,
    412: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    429: RateLimitedError,
    500: ServerError,
    503: UnavailableError,
}


def error_of(problem: Problem, status: int) -> ProblemError:
    """The error that fits a problem best."""
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(status, ProblemError)
    return kind(problem, status)
