"""Stripe, through its own library: payments that are confirmed and captured in one request.

A payment intent or refund carries our id in its metadata and came with it as idempotency key; Stripe keeps keys for
24 hours. Sources: https://docs.stripe.com/api (payment_intents, refunds, idempotent_requests, errors),
https://docs.stripe.com/payments/paymentintents/lifecycle, https://docs.stripe.com/currencies,
https://docs.stripe.com/changelog/2023-08-16/automatic-payment-methods (no redirects, so no address to return to).
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta

import stripe
import structlog

from domain.money import DIGITS, to_text
from worker.providers import Answer, Charge, NoAnswer, Return

PAGE_SIZE = 100
# When a charge may have been made, reckoned from when it was asked for first: clocks differ, and as long as Stripe
# keeps its key it may be asked for again. The first hour is looked through first; that is where nearly all are found.
_WINDOWS = ((timedelta(minutes=-10), timedelta(hours=1)), (timedelta(hours=1), timedelta(hours=24)))
_MARK = "orderly_payment"
# Where Stripe's minor unit is not that of ISO 4217.
_DIGITS = {"ISK": 2, "MGA": 0, "UGX": 2}

stripe.enable_telemetry = False  # it would keep an id in the home folder and describe this machine to Stripe

log = structlog.get_logger()


class Stripe:
    """One account of Stripe, which `api_key` opens, at the address `api_base`."""

    def __init__(self, api_key: str, api_base: str, timeout_seconds: float) -> None:
        client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base},
            max_network_retries=0,  # who asks again is for worker/payments.py to say
            http_client=stripe.RequestsClient(timeout=2 * timeout_seconds),  # ends what nobody waits for any more
        )
        self._intents, self._refunds = client.v1.payment_intents, client.v1.refunds
        self._timeout_seconds = timeout_seconds

    def charge(self, charge: Charge) -> Answer:
        """Create a payment intent and confirm it at once; what its holder would have to do something for is declined.

        A method that the account accepts and that takes days, as a direct debit does, has no answer until then.
        """
        amount = stripe_amount(charge.amount, charge.currency)
        if amount is None:
            return _too_fine(charge)
        return self._post(
            lambda: self._judged_intent(
                self._intents.create(
                    params={
                        "amount": amount,
                        "currency": charge.currency.lower(),
                        "payment_method": charge.payment_method,
                        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                        "confirm": True,
                        "metadata": {_MARK: str(charge.id), "orderly_order": str(charge.order_id)},
                    },
                    options={"idempotency_key": str(charge.id)},
                )
            )
        )

    def give_back(self, wanted: Return) -> Answer:
        """Create a refund of the payment intent."""
        amount = stripe_amount(wanted.amount, wanted.currency)
        if amount is None:
            return _too_fine(wanted)
        return self._post(
            lambda: _judged_refund(
                self._refunds.create(
                    params={
                        "payment_intent": wanted.reference,
                        "amount": amount,
                        "metadata": {_MARK: str(wanted.id), "orderly_order": str(wanted.order_id)},
                    },
                    options={"idempotency_key": str(wanted.id)},
                )
            )
        )

    def look_up(self, request: Charge | Return) -> Answer | None:
        """Look through Stripe's lists, which show at once what was made; its search may be an hour behind.

        None while nothing is found: a request that is still on its way may arrive later, so ask again with the same id.
        """
        deadline = time.monotonic() + self._timeout_seconds
        try:
            return within(self._timeout_seconds, lambda: self._found(request, deadline))
        except NoAnswer:
            raise
        except Exception as error:
            raise self._no_answer(error) from error

    def _post(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return within(self._timeout_seconds, ask)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            return Answer(is_yes=False, detail=_sentence(error.user_message))
        except NoAnswer:
            raise
        # Also when a key comes with other parameters (IdempotencyError), as after an upgrade of this code in between:
        # it says nothing about what the first request with that key has done. Money may have moved, so also when we
        # do not understand what has happened.
        except Exception as error:
            raise self._no_answer(error) from error

    def _no_answer(self, error: Exception) -> NoAnswer:
        match error:
            case TimeoutError():
                return NoAnswer(f"Stripe did not answer within {self._timeout_seconds:g} s.")
            case stripe.AuthenticationError() | stripe.PermissionError():
                log.error("provider.refused-us", provider="stripe", status=error.http_status)
                return NoAnswer("Stripe does not accept our key.")
            case stripe.StripeError(http_status=int(status)):
                return NoAnswer(f"Stripe answered with {status}.")
            case stripe.StripeError():
                return NoAnswer("The connection to Stripe failed.")
        log.error("provider.misunderstood", provider="stripe", exc_info=error)
        return NoAnswer("Stripe's answer was not understood.")

    def _found(self, request: Charge | Return, deadline: float) -> Answer | None:
        listed = self._listed_intents(request) if isinstance(request, Charge) else self._listed_refunds(request)
        for each in listed:
            if time.monotonic() > deadline:
                raise TimeoutError  # nobody waits any more
            if each.metadata and each.metadata.to_dict().get(_MARK) == str(request.id):
                return self._judged_intent(each) if isinstance(each, stripe.PaymentIntent) else _judged_refund(each)
        return None

    def _listed_intents(self, charge: Charge) -> Iterator[stripe.PaymentIntent]:
        for first, last in _WINDOWS:
            begin, end = (int((charge.asked_at + moment).timestamp()) for moment in (first, last))
            page = self._intents.list(params={"created": {"gte": begin, "lte": end}, "limit": PAGE_SIZE})
            yield from page.auto_paging_iter()

    def _listed_refunds(self, wanted: Return) -> Iterator[stripe.Refund]:
        yield from self._refunds.list(
            params={"payment_intent": wanted.reference, "limit": PAGE_SIZE}
        ).auto_paging_iter()

    def _judged_intent(self, intent: stripe.PaymentIntent) -> Answer:
        match intent.status:
            case "succeeded":
                return Answer(is_yes=True, reference=intent.id)
            case "requires_action":
                self._cancel(intent)
                return Answer(is_yes=False, detail="The card asks its holder to confirm, which cannot be done here.")
            case "canceled":
                return Answer(is_yes=False, detail="The payment was cancelled at Stripe.")
            case "requires_payment_method" if intent.last_payment_error:
                return Answer(is_yes=False, detail=_sentence(intent.last_payment_error.message))
        raise NoAnswer(f"Stripe has not decided yet: the payment intent is {intent.status}.")

    def _cancel(self, intent: stripe.PaymentIntent) -> None:
        """So that nobody can make a yes of it after we have said no."""
        try:
            self._intents.cancel(intent.id)
        except stripe.InvalidRequestError as error:
            raise NoAnswer("Stripe did not cancel the payment intent.") from error


def stripe_amount(minor: int, currency: str) -> int | None:
    """The amount as Stripe counts it; None when it does not count so finely.

    Source: https://docs.stripe.com/currencies, "Zero-decimal", "Three-decimal" and "Special cases": ISK and UGX have
    two digits that must be zeros, MGA has none, and the third of three digits must be zero.
    """
    digits = _DIGITS.get(currency, DIGITS[currency])
    amount, rest = divmod(minor * 10**digits, 10 ** DIGITS[currency])
    return None if rest or (digits == 3 and amount % 10) else amount


def within[R](seconds: float, ask: Callable[[], R]) -> R:
    """What `ask` returns or raises, or TimeoutError after so many seconds.

    On a thread of its own: the HTTP library bounds each read, but neither a slow resolver nor an answer that drips. A
    thread that nobody waits for any longer ends with its request.
    """
    outcome: Future[R] = Future()

    def run() -> None:
        try:
            outcome.set_result(ask())
        except BaseException as error:  # whoever waits raises it
            outcome.set_exception(error)

    threading.Thread(target=run, name="stripe", daemon=True).start()
    return outcome.result(seconds)


def _judged_refund(refund: stripe.Refund) -> Answer:
    match refund.status:
        case "succeeded":
            return Answer(is_yes=True, reference=refund.id)
        case "failed" | "canceled":
            return Answer(is_yes=False, detail=f"The refund has failed at Stripe: {refund.status}.")
    raise NoAnswer(f"Stripe has not decided yet: the refund is {refund.status}.")


def _too_fine(request: Charge | Return) -> Answer:
    text = f"{to_text(request.amount, request.currency)} {request.currency}"
    return Answer(is_yes=False, detail=f"Stripe cannot take {text}: it does not count so small a unit.")


def _sentence(message: str | None) -> str:
    """Stripe's own words, which are made for customers."""
    return (message or "Stripe declined the payment.")[:300]
