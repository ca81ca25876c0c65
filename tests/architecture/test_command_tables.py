"""Every command module has a table of cases: one row for each of its refusals, in the order of precedence."""

import ast
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from domain import commands, registry
from domain.outcome import Refused
from tests.domain.scene import OF_ANY, OF_ANY_ORDER, PRECEDENCE, Refusal, Scene

NAMES = [module.name for module in pkgutil.iter_modules(commands.__path__)]
BUILDERS = {
    "order_not_found": "order-not-found",
    "product_not_found": "product-not-found",
    "invalid_transition": "invalid-transition",
    "insufficient_stock": "insufficient-stock",
    "refund_exceeds_payment": "refund-exceeds-payment",
    "payment_declined": "payment-declined",
}
"""Functions of domain/outcome.py that make a refusal of this code."""


def table(name: str) -> tuple[ModuleType, Sequence[Refusal]]:
    """The test module of a command module, and its table."""
    module = importlib.import_module(f"tests.domain.commands.test_{name}")
    refusals: Sequence[Refusal] = module.REFUSALS
    return module, refusals


def refusals_in(source: str) -> set[str]:
    """The codes of the refusals that a module makes itself."""
    codes = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="Refused"), args=[ast.Constant(value=str(code)), *_]):
                codes.add(code)
            case ast.Call(func=ast.Name(id=builder)) if builder in BUILDERS:
                codes.add(BUILDERS[builder])
    return codes


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_a_table_in_the_order_of_precedence(name: str) -> None:
    _module, refusals = table(name)
    places = [PRECEDENCE.index(refusal.code) for refusal in refusals]
    assert places == sorted(places)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_a_row_for_every_refusal_that_its_module_makes(name: str) -> None:
    _module, refusals = table(name)
    source = (Path(commands.__path__[0]) / f"{name}.py").read_text()
    assert refusals_in(source) <= {refusal.code for refusal in refusals}


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_the_rows_that_every_command_has(name: str) -> None:
    module, refusals = table(name)
    scene: Scene = module.GOOD
    kind = registry.find(scene.type)
    assert kind is not None
    assert kind.payload.__module__ == f"domain.commands.{name}"
    of_any: tuple[Refusal, ...] = OF_ANY_ORDER if kind.has_order and not kind.is_creation else OF_ANY
    if kind.is_internal:
        of_any = tuple(refusal for refusal in of_any if refusal.code != "forbidden")
    assert tuple(refusals[: len(of_any)]) == of_any
    assert not isinstance(scene.decide(), Refused)


def test_every_command_type_has_a_module() -> None:
    declared = {kind.payload.__module__ for each in registry.names(internal=True) if (kind := registry.find(each))}
    assert declared == {f"domain.commands.{name}" for name in NAMES}


def test_the_check_sees_refusals_however_they_are_made() -> None:
    source = 'def f():\n    return Refused("order-empty", "x") or insufficient_stock(()) or product_not_found(1)'
    assert refusals_in(source) == {"order-empty", "insufficient-stock", "product-not-found"}
