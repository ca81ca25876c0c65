"""Orderly for tills and integrators: commands that are safe to repeat, an offline queue, verified webhooks."""

from orderly_client import drafts
from orderly_client.async_client import AsyncOrderly
from orderly_client.client import Orderly
from orderly_client.drafts import Draft
from orderly_client.errors import (
    CommandFailedError,
    CommandOpenError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidRequestError,
    KeyReusedError,
    NotFoundError,
    OrderlyError,
    ProblemError,
    RateLimitedError,
    ResultExpiredError,
    ServerError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from orderly_client.offline import Accepted, Flushed, OfflineQueue, Queued, Rejected
from orderly_client.problems import Fault, Problem
from orderly_client.resources import Command, Item, Order, OrderState, Payment, Product, Stock
from orderly_client.retries import Retries
from orderly_client.webhooks import Event, WebhookError, WebhookVerifier

__all__ = [
    "Accepted",
    "AsyncOrderly",
    "Command",
    "CommandFailedError",
    "CommandOpenError",
    "ConflictError",
    "Draft",
    "Event",
    "ExpiredError",
    "Fault",
    "Flushed",
    "ForbiddenError",
    "InvalidRequestError",
    "Item",
    "KeyReusedError",
    "NotFoundError",
    "OfflineQueue",
    "Order",
    "OrderState",
    "Orderly",
    "OrderlyError",
    "Payment",
    "Problem",
    "ProblemError",
    "Product",
    "Queued",
    "RateLimitedError",
    "Rejected",
    "ResultExpiredError",
    "Retries",
    "ServerError",
    "Stock",
    "UnauthenticatedError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WebhookError",
    "WebhookVerifier",
    "drafts",
]
