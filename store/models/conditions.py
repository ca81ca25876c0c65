"""Conditions that several tables have in common."""

from django.db.models import Q

from domain.tax import RATE_MAX


def one_of(column: str, words: tuple[str, ...]) -> Q:
    """The column holds one of these."""
    return Q(**{f"{column}__in": words})


def a_tax_rate() -> Q:
    """`tax_rate` is from 0 to 100 %."""
    return Q(tax_rate__gte=0, tax_rate__lte=RATE_MAX)
