"""Money as parts of pages: payments, refunds, and what a payment provider is asked while an order waits."""

from datetime import UTC, datetime

from django.utils.html import format_html

from api.console import shown
from api.console.pages import Alert, Facts, Table
from api.console.story import NEWEST_SHOWN
from store.models import Command, Order, ProviderRequest, Refund


def question_of(command: Command) -> ProviderRequest | None:
    """What the provider is or was asked for the command; None for one that needs no provider."""
    return ProviderRequest.objects.select_related("payment").filter(id=command.id).first()


def is_open(command: Command) -> bool:
    """Whether the command waits for a provider's answer, or for that answer to be settled."""
    return command.status in {"running", "uncertain"}


def waiting(order: Order) -> list[Alert]:
    """Why nothing can be done to the order now, if it waits for a provider."""
    if order.asked_by is None:
        return []
    asked = ProviderRequest.objects.select_related("payment").get(id=order.asked_by)
    kind = Command.objects.values_list("type", flat=True).get(id=order.asked_by)
    text = format_html(
        "The provider, {}, is asked for {}, by {}, since {} ({}). {} Until it is known what has come of it, nothing "
        "else is done to the order{}.",
        asked.payment.provider,
        _what(asked),
        shown.link("command", asked.id, kind),
        shown.time(asked.asked_at),
        shown.ago(asked.asked_at),
        _how_it_goes(asked),
        ", and its stock stays reserved" if asked.payment_method is not None else "",
    )
    return [Alert(title="Waits for the payment provider", text=text)]


def question(asked: ProviderRequest) -> Facts:
    """What is asked of whom, how often it was, and what was answered."""
    return Facts(
        title="What the payment provider is asked" if asked.settled_at is None else "What the payment provider said",
        rows=[
            ("Provider", shown.or_nothing(asked.payment.provider)),
            ("Asked for", _what(asked)),
            ("Payment method", shown.mono(asked.payment_method)),
            ("Of its payment", shown.mono(asked.payment.provider_reference if asked.payment_method is None else None)),
            ("Under the id", shown.mono(asked.id)),
            ("Since", shown.time(asked.asked_at)),
            ("Asked so far", _times(asked.attempts_made)),
            ("Next time", shown.NOTHING if asked.settled_at is not None else _next(asked)),
            ("Answer", _answer(asked)),
            ("Its reference", shown.mono(asked.reference)),
            ("Settled", shown.time(asked.settled_at)),
        ],
    )


def payments(row: Order) -> Table:
    """Everything that was taken, is asked for, or was declined."""
    return Table(
        title="Payments",
        heads=("Method", "Status", "Amount#", "Tendered#", "Reference", "Provider", "Its reference", "Command", "Time"),
        rows=[
            [
                each.method,
                shown.state(each.status),
                shown.money(each.amount, each.currency),
                shown.NOTHING if each.tendered is None else shown.money(each.tendered, each.currency),
                shown.or_nothing(each.reference),
                shown.or_nothing(each.provider),
                _reference(each.provider_reference),
                shown.link("command", each.command_id),
                shown.time(each.created_at),
            ]
            for each in row.payments.order_by("created_at")[:NEWEST_SHOWN]
        ],
        empty="Nothing has been paid.",
    )


def refunds(row: Order) -> Table:
    """Everything that was given back."""
    return Table(
        title="Refunds",
        heads=("Amount#", "Tax in it#", "Restocked", "Reason", "Provider", "Its reference", "Command", "Time"),
        rows=[
            [
                shown.money(each.amount, each.currency),
                shown.money(each.tax, each.currency),
                "yes" if each.restock else "no",
                shown.or_nothing(each.reason),
                shown.or_nothing(each.payment.provider),
                _reference(each.provider_reference),
                shown.link("command", each.command_id),
                shown.time(each.created_at),
            ]
            for each in Refund.objects.filter(payment__order=row)
            .select_related("payment")
            .order_by("created_at")[:NEWEST_SHOWN]
        ],
        empty="Nothing has been refunded.",
    )


def _what(asked: ProviderRequest) -> str:
    amount = shown.money(asked.amount, asked.payment.currency)
    return f"a charge of {amount}" if asked.payment_method is not None else f"{amount} back"


def _how_it_goes(asked: ProviderRequest) -> str:
    if asked.is_yes is not None:
        return f"It has said {'yes' if asked.is_yes else 'no'}, which is being settled."
    if not asked.attempts_made:
        return "It has not been asked yet."
    return f"It has been asked {_times(asked.attempts_made)}; the next time is {_next(asked)}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times" if count else "not yet"


def _next(asked: ProviderRequest) -> str:
    """Just before, or while it is asked, the time may be past."""
    if asked.next_attempt_at is None or asked.next_attempt_at <= datetime.now(UTC):
        return "now"
    return shown.ago(asked.next_attempt_at)


def _answer(asked: ProviderRequest) -> object:
    if asked.is_yes is None:
        return "none yet"
    return "yes" if asked.is_yes else f"no: {asked.detail}" if asked.detail else "no"


def _reference(text: str | None) -> object:
    return shown.NOTHING if text is None else shown.short(text)
