"""The page behind a problem's `type`: what the code means, and what to do about it."""

import html
import re

from django.http import Http404, HttpRequest, HttpResponse

from api.problems import TITLES_BY_CODE
from api.schema.operation import Answer, described

ADVICE: dict[str, str] = {
    "expired": "The command was not executed before its expires_at. Send it anew, under a new key, if it still counts.",
    "forbidden": "The caller's role may not do this. Use a client of another role; the description says which.",
    "order-exists": "Another command has created an order with this id. Read it, or choose a new id.",
    "order-not-found": "No order has this id. Check the id, and whether its order.create has succeeded.",
    "version-conflict": "Somebody changed the order first. Read it, and decide again with its present version.",
    "order-frozen": "The order takes no such change any more. Read its available-actions.",
    "invalid-transition": "The order cannot go there from its status. `allowed` names where it can go.",
    "item-not-found": "The order has no such product, or fewer pieces of it. Read the order.",
    "order-empty": "Add items first.",
    "customer-not-found": "No customer has this id. Check the id.",
    "customer-inactive": "The customer has been deactivated. Choose another, or set is_active again.",
    "product-not-found": "No product has this id or sku. Check it against the list of products.",
    "product-inactive": "The product is not sold at present. Leave it out, or set is_active again.",
    "currency-mismatch": "An order has one currency. Order what is priced in another one apart.",
    "amount-mismatch": "The amount is not what is to be paid. Read the order's total and send that, or no amount.",
    "refund-exceeds-payment": "See what is left of the payment at the order's `payments`, and ask for no more.",
    "tendered-too-low": "The cash handed over does not cover the total. Ask for more, or take a card.",
    "insufficient-stock": "`shortages` names each product that is short. Take fewer pieces, or receive stock first.",
    "payment-declined": "The payment provider said no; `detail` says why. The order is as it was: take other money.",
    "payment-uncertain": "The payment provider has not answered. It is asked until it does, and charges once at most. "
    "Wait for the command to end; do not take other money for the order meanwhile.",
    "poisoned": "Executing the command ended its worker every time. It had no effect; a manager may retry it.",
    "internal-error": "This is our fault. It had no effect. Tell an operator the id; a manager may retry a command.",
    "idempotency-key-missing": "Send the header Idempotency-Key, with a new value for each new request.",
    "idempotency-key-invalid": "A key is one header line of 1 to 255 printable ASCII characters without quotes, "
    "backslash and comma; or a quoted string.",
    "idempotency-key-reused": "This key stands for another request. Send the new request under a new key.",
    "result-expired": "The command has ended, as `final_status` says, and is not executed again. Its result is gone.",
    "invalid-request": "`errors` names every place that is wrong, and the rule. Correct them all, and send it again.",
    "unauthenticated": "Send a valid Authorization header: Api-Key <prefix>.<secret>, or Bearer <token>. A token lasts "
    "15 minutes; keys can be revoked.",
    "not-found": "Nothing has this address, or it is not yours to see. Check the path and the id.",
    "method-not-allowed": "The header Allow names the methods that this address has.",
    "not-acceptable": "Answers are JSON. Accept application/json.",
    "not-cancellable": "Only a queued command can be cancelled. Read the command.",
    "not-retryable": "Only a command that failed as poisoned or internal-error can be retried. Send a new command.",
    "sku-exists": "Another product has this sku. Choose another, or edit that product.",
    "precondition-failed": "It was changed since you read it. Read it again, and send your change with its new ETag.",
    "too-large": "The body is over its limit: 256 KiB, or 4 MiB for a batch. Send it in parts.",
    "unsupported-media-type": "Send JSON, and say so: Content-Type: application/json.",
    "rate-limited": "Wait as many seconds as Retry-After says, then send it again. No key was used up.",
    "unavailable": "Wait as many seconds as Retry-After says, then send it again with the same key.",
}

_STYLE = (
    "body{font:17px/1.6 system-ui,sans-serif;max-width:42rem;margin:12vh auto;padding:0 1.5rem;color:#1d2433}"
    "h1{font-size:1.7rem;line-height:1.25}code{background:#eef1f6;border-radius:4px;padding:.1em .35em}a{color:#1f5fd0}"
    "@media(prefers-color-scheme:dark){body{background:#12161f;color:#dfe5f0}code{background:#232a38}a{color:#8ab4ff}}"
)


@described("explain_problem", {200: Answer("Text", media_type="text/html")})
def explain(_request: HttpRequest, code: str) -> HttpResponse:
    """What a problem's code means.

    Every problem's `type` leads here. The page says what to do about it.
    """
    if code not in TITLES_BY_CODE:
        raise Http404
    title, advice = html.escape(TITLES_BY_CODE[code]), re.sub(r"`(\w+)`", r"<code>\1</code>", html.escape(ADVICE[code]))
    return HttpResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<link rel=icon href=data:,><title>{code}</title><style>{_STYLE}</style>"
        f"<p><code>{code}</code><h1>{title}</h1><p>{advice}"
        f"<p>In the answer, <code>code</code> is <code>{code}</code>, <code>detail</code> says what happened in your "
        f"case, and <code>errors</code>, where present, names each place.<p><a href='/api/docs/'>The API</a></html>"
    )
