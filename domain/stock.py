"""Products and their stock: what is on hand, what is reserved, and the movements that alone change either."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.workflow import StockEffect

_SIGNS: dict[StockEffect, tuple[int, int]] = {
    StockEffect.DEBIT: (-1, 0),
    StockEffect.RESTOCK: (+1, 0),
    StockEffect.RESERVE: (0, +1),
    StockEffect.SHIP: (-1, -1),
    StockEffect.RELEASE: (0, -1),
}
_TAKES_FROM_AVAILABLE = frozenset({StockEffect.DEBIT, StockEffect.RESERVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A thing for sale; `price` (tax included) and `cost` (where known) in minor units of `currency`, `tax_rate` in
    basis points, quantities in pieces.

    With `available` at `low_stock_at` or under, its stock is low.
    """

    id: uuid.UUID
    sku: str
    name: str
    price: int
    currency: str
    on_hand: int
    reserved: int
    is_active: bool
    low_stock_at: int | None = None
    tax_rate: int = 0
    cost: int | None = None

    def __post_init__(self) -> None:
        assert 0 <= self.reserved <= self.on_hand, f"product {self.id}: {self.reserved} of {self.on_hand} reserved"

    @property
    def available(self) -> int:
        """Pieces that nobody has been promised."""
        return self.on_hand - self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of the stock ledger: signed changes of one product's pieces."""

    product_id: uuid.UUID
    kind: str
    on_hand_delta: int
    reserved_delta: int
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """A product of which fewer pieces are available than wanted."""

    product_id: uuid.UUID
    wanted: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The products after their movements, and the movements."""

    products: tuple[Product, ...] = ()
    movements: tuple[Movement, ...] = ()


def move(
    products: Mapping[uuid.UUID, Product], quantities: Mapping[uuid.UUID, int], effect: StockEffect
) -> Moved | tuple[Shortage, ...]:
    """Move the quantity of each product once, or name every shortage and move nothing."""
    if effect is StockEffect.NONE:
        return Moved()
    if effect in _TAKES_FROM_AVAILABLE:
        shortages = tuple(
            Shortage(product_id=product_id, wanted=wanted, available=products[product_id].available)
            for product_id, wanted in quantities.items()
            if wanted > products[product_id].available
        )
        if shortages:
            return shortages
    return _moved(products, quantities, str(effect), *_SIGNS[effect])


def sell_reserved(products: Mapping[uuid.UUID, Product], quantities: Mapping[uuid.UUID, int]) -> Moved:
    """What was reserved for a payment is sold: it goes as what is shipped goes, and counts as a sale."""
    return _moved(products, quantities, str(StockEffect.DEBIT), *_SIGNS[StockEffect.SHIP])


def _moved(
    products: Mapping[uuid.UUID, Product],
    quantities: Mapping[uuid.UUID, int],
    kind: str,
    on_hand_sign: int,
    reserved_sign: int,
) -> Moved:
    moved = [
        shift(products[product_id], kind, on_hand_sign * quantity, reserved_sign * quantity)
        for product_id, quantity in quantities.items()
    ]
    return Moved(
        products=tuple(product for product, _movement in moved),
        movements=tuple(movement for _product, movement in moved),
    )


def shift(
    product: Product, kind: str, on_hand_delta: int, reserved_delta: int = 0, reason: str | None = None
) -> tuple[Product, Movement]:
    """One movement and the product after it."""
    # Spelt out: dataclasses.replace would take half of the whole decision's time.
    after = Product(
        id=product.id,
        sku=product.sku,
        name=product.name,
        price=product.price,
        currency=product.currency,
        on_hand=product.on_hand + on_hand_delta,
        reserved=product.reserved + reserved_delta,
        is_active=product.is_active,
        low_stock_at=product.low_stock_at,
        tax_rate=product.tax_rate,
        cost=product.cost,
    )
    movement = Movement(
        product_id=product.id,
        kind=kind,
        on_hand_delta=on_hand_delta,
        reserved_delta=reserved_delta,
        reason=reason,
    )
    return after, movement


def summed(quantities: Iterable[tuple[uuid.UUID, int]]) -> dict[uuid.UUID, int]:
    """The quantities of each product added up, in order of first mention."""
    totals: dict[uuid.UUID, int] = {}
    for product_id, quantity in quantities:
        totals[product_id] = totals.get(product_id, 0) + quantity
    return totals
