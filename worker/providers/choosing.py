"""Which provider a deployment has."""

import importlib
from typing import cast

from worker.providers import Provider
from worker.providers.simulator import Simulator


def provider_named(name: str, *, timeout_seconds: float, stripe_key: str, stripe_base: str) -> Provider | None:
    """The provider of that name (PAYMENT_PROVIDER), made with the values that it needs; None where there is none."""
    match name:
        case "":
            return None
        case "simulator":
            return Simulator(timeout_seconds)
        case "stripe":
            # By name, when chosen: Stripe's library costs a process half a second and 36 MB.
            module = importlib.import_module("worker.providers.stripe")
            return cast(Provider, module.Stripe(stripe_key, stripe_base, timeout_seconds))
    raise AssertionError(f"no provider is named {name!r}")
