"""Who may do what: the one table that the API, its description and the admin read.

The roles of a command type stand with the type (`domain/registry.py`); everything else is a right below. Source:
CONTRACT, "Command types" and "Resources".
"""

from domain.registry import AUDITOR, INTEGRATION, MANAGER, POS, find

RIGHTS: dict[str, frozenset[str]] = {
    "commands.submit": frozenset({POS, INTEGRATION, MANAGER}),  # each type says who of these
    "commands.see_all": frozenset({MANAGER, AUDITOR}),
    "commands.cancel_all": frozenset({MANAGER}),
    "commands.retry": frozenset({MANAGER}),
    "products.write": frozenset({MANAGER}),
    "customers.write": frozenset({MANAGER, INTEGRATION}),
    "webhooks.read": frozenset({MANAGER, AUDITOR, INTEGRATION}),
    "webhooks.write": frozenset({MANAGER, INTEGRATION}),
    "webhooks.see_all": frozenset({MANAGER, AUDITOR}),
    "clients.write": frozenset({MANAGER}),
    "accounting.read": frozenset({MANAGER, AUDITOR}),
    "admin.read": frozenset({MANAGER, AUDITOR}),
}


VISITOR = POS
"""What the visitors of a demonstration may do."""
OWN = AUDITOR
"""What Orderly's own client may do: the commands that it submits are open to no role."""


def roles_of(what: str) -> frozenset[str]:
    """The roles that have a right or may submit a command type."""
    kind = find(what)
    return kind.roles if kind is not None else RIGHTS[what]


def may(role: str | None, what: str) -> bool:
    """Whether somebody in this role has a right or may submit a command type."""
    return role in roles_of(what)
