"""What the demo noted, and the table it prints."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any


class Journal:
    """Notes from all threads of one demo."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.accept_seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.final_seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.refusals: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.provider = "no payment provider"
        self.online: Counter[str] = Counter()
        self.stock_lines: list[str] = []
        self.surprises: list[str] = []
        self.replays = 0
        self.batches = 0
        self.expected = Decimal(0)
        self.taken = Decimal(0)

    def note(self, command: dict[str, Any], accept_seconds: float, final_seconds: float) -> None:
        """One final command, and how long it took to be accepted and to be known as final."""
        with self._lock:
            kind = command["type"]
            self.outcomes[kind][command["status"]] += 1
            self.accept_seconds[kind].append(accept_seconds)
            self.final_seconds[kind].append(final_seconds)
            if command["error"]:
                self.refusals[command["error"]["code"]] += 1

    def stock(self, sku: str, *, received: int, sold: int, left: int) -> None:
        """One product's pieces, which have to add up."""
        adds_up = received - sold == left
        if not adds_up:
            self.wrong(f"{sku}: {received} received less {sold} sold is not {left} on hand")
        self.stock_lines.append(f"{sku:<16}{received:>10}{sold:>8}{left:>10}   {'adds up' if adds_up else 'WRONG'}")

    def paid_online(self, payments: Sequence[dict[str, Any]]) -> None:
        """Payments of one order that the provider was asked for, each of which has to be settled."""
        for payment in payments:
            self.provider = payment["provider"]
            self.online[payment["status"]] += 1
            if payment["status"] == "pending":
                self.wrong(f"payment {payment['id']} is still pending")

    def wrong(self, text: str) -> None:
        """Something that should not have happened."""
        with self._lock:
            self.surprises.append(text)


def report(journal: Journal) -> str:
    """The table, the refusals and the sums, a few screens wide at most."""
    money_adds_up = journal.expected == journal.taken
    if not money_adds_up:
        journal.wrong(f"{journal.taken} EUR taken is not the {journal.expected} EUR that the goods cost")
    lines = [
        "",
        f"{'command':<20}{'count':>6}  {'outcomes':<28}{'accept ms p50':>14}{'p99':>8}{'final ms p50':>14}{'p99':>8}",
        *(_row(journal, kind) for kind in sorted(journal.outcomes)),
        f"{'all':<20}{sum(counts.total() for counts in journal.outcomes.values()):>6}",
        "",
        f"refusals: {_counted(journal.refusals)}; replays: {journal.replays}; batches: {journal.batches}",
        f"orders:   {_counted(journal.orders)}",
        f"online:   {_counted(journal.online)} ({journal.provider})",
        "",
        f"{'product':<16}{'received':>10}{'sold':>8}{'on hand':>10}",
        *sorted(journal.stock_lines),
        f"taken {journal.taken} EUR, goods sold for {journal.expected} EUR: {'adds up' if money_adds_up else 'WRONG'}",
        *(f"UNEXPECTED {text}" for text in journal.surprises),
    ]
    return "\n".join(lines)


def _row(journal: Journal, kind: str) -> str:
    counts = journal.outcomes[kind]
    accept, final = journal.accept_seconds[kind], journal.final_seconds[kind]
    return (
        f"{kind:<20}{counts.total():>6}  {_counted(counts):<28}"
        f"{_ms(accept, 50):>14}{_ms(accept, 99):>8}{_ms(final, 50):>14}{_ms(final, 99):>8}"
    )


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none"


def _ms(seconds: Sequence[float], percent: int) -> str:
    ranked = sorted(seconds)
    return f"{ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] * 1000:.1f}"
