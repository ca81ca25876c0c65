"""Who may call: clients with their keys, people, and the trail of what they did."""

from django import forms
from django.http import HttpRequest

from api.console import shown
from api.console.acts import Act, Asked, Refused, Secret
from api.console.lists import Filter, Rows, column, equals, one_of
from api.console.pages import Facts, Part, Record, Table
from api.console.story import NEWEST_SHOWN, newest_of, of_commands
from api.console.trail import entries_of, of_entries
from domain.registry import ROLES
from store import clients
from store.clients import ClientNameTaken
from store.models import ApiKey, Client

_ONCE = "It is shown this once; only a hash of it is kept."


class RevokeForm(forms.Form):
    """Which key."""

    key = forms.CharField(max_length=16, help_text="Its prefix, which stands before the dot.")


class NewClientForm(forms.Form):
    """A machine."""

    name = forms.CharField(max_length=64, help_text="1 to 64 of A-Z a-z 0-9 . _ -, for ever.")
    role = forms.ChoiceField(choices=one_of(ROLES))


class NewPersonForm(NewClientForm):
    """A person."""

    password = forms.CharField(widget=forms.PasswordInput(render_value=False), min_length=12, max_length=4_096)


def _issue(asked: Asked, row: Client) -> Secret:
    return Secret(f"A new key of {row.name}. {_ONCE}", f"Api-Key {clients.issue_key(row.name, asked.actor)}")


def _revoke(asked: Asked, row: Client) -> str:
    prefix = asked.values["key"]
    if not row.keys.filter(prefix=prefix).exists():
        raise Refused(f"{row.name} has no key that begins with {prefix}.")
    if not clients.revoke_key(prefix, asked.actor):
        raise Refused("It has been revoked already.")
    return "Revoked: within a second nobody gets in with it any more."


def _activate(asked: Asked, row: Client) -> str:
    clients.set_active(row.name, active=True, actor=asked.actor)
    return f"{row.name} may call again."


def _deactivate(asked: Asked, row: Client) -> str:
    if asked.actor.caller is not None and asked.actor.caller.id == row.id:
        raise Refused("That is you: nobody shuts themselves out. Let somebody else do it.")
    clients.set_active(row.name, active=False, actor=asked.actor)
    return f"{row.name} is shut out, keys, tokens and console alike."


def _create_client(asked: Asked, _rows: Rows) -> Secret:
    name, role = asked.values["name"], asked.values["role"]
    try:
        key = clients.create_client(name, role, asked.actor)
    except (ClientNameTaken, ValueError) as error:
        raise Refused(f"{error}.") from None
    return Secret(f"The key of {name}, {role}. {_ONCE}", f"Api-Key {key}")


def _create_person(asked: Asked, _rows: Rows) -> str:
    name, role, password = (asked.values[each] for each in ("name", "role", "password"))
    try:
        clients.create_person(name, role, password, asked.actor)
    except (ClientNameTaken, ValueError) as error:
        raise Refused(f"{error}.") from None
    return f"{name} may log in."


class Clients(Record):
    """Never deleted, only deactivated."""

    acts = (
        Act(
            name="issue-key",
            label="New key",
            right="clients.write",
            explains="A second key beside the present ones, which go on working: hand it over, then revoke the "
            "old one.",
            do=_issue,
            applies=lambda row: row.user_id is None,
        ),
        Act(
            name="revoke-key",
            label="Revoke a key",
            right="clients.write",
            explains="Whoever uses this key is shut out within a second, for ever.",
            do=_revoke,
            form=RevokeForm,
            first=lambda row: {
                "key": row.keys.filter(revoked_at=None).order_by("created_at").values_list("prefix", flat=True).first()
                or ""
            },
            applies=lambda row: row.user_id is None,
            is_grave=True,
        ),
        Act(
            name="deactivate",
            label="Deactivate",
            right="clients.write",
            explains="All its keys and tokens stop working within a second. Its commands that still wait are refused "
            "as forbidden when their turn comes.",
            do=_deactivate,
            applies=lambda row: row.is_active,
            is_grave=True,
        ),
        Act(
            name="activate",
            label="Activate",
            right="clients.write",
            explains="Its keys that are not revoked work again.",
            do=_activate,
            applies=lambda row: not row.is_active,
        ),
    )
    list_acts = (
        Act(
            name="new",
            label="New client",
            right="clients.write",
            explains="A till, a shop, an ERP: it gets one key, shown once.",
            do=_create_client,
            form=NewClientForm,
        ),
        Act(
            name="new-person",
            label="New person",
            right="clients.write",
            explains="Somebody with a password: a token of the API for all roles, this console for managers and "
            "auditors.",
            do=_create_person,
            form=NewPersonForm,
        ),
    )
    filters = (
        Filter(name="role", label="Role", choices=one_of(ROLES), narrow=equals("role")),
        Filter(
            name="kind",
            label="Kind",
            choices=one_of(("person", "machine")),
            narrow=lambda rows, text: rows.filter(user__isnull=text != "person"),
        ),
        Filter(
            name="active",
            label="State",
            choices=one_of(("active", "inactive")),
            narrow=lambda rows, text: rows.filter(is_active=text == "active"),
        ),
    )
    search_help_text = "Exact name, or the prefix of a key"
    ordering = ("name",)
    list_display = (
        column("Name", lambda row: shown.link("client", row.id, row.name)),
        column("Role", lambda row: row.role),
        column("Kind", lambda row: "person" if row.user_id else "machine"),
        column("State", lambda row: shown.state("active" if row.is_active else "inactive")),
        column("Created", lambda row: shown.time(row.created_at)),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """All of them."""
        return Client.objects.all()

    def found(self, rows: Rows, text: str) -> Rows:
        """By name, or by a key of theirs."""
        of_key = ApiKey.objects.filter(prefix=text).values_list("client_id", flat=True).first()
        return rows.filter(name=text) if of_key is None else rows.filter(id=of_key)

    def head(self, row: Client) -> tuple[str, str]:
        """The name, and whether it may call."""
        return row.name, "active" if row.is_active else "inactive"

    def parts(self, request: HttpRequest, row: Client) -> list[Part]:
        """Who it is, its keys, what it asked for, what was done to it."""
        about = entries_of("client", [row.name, str(row.id)])
        return [
            _facts(row),
            _keys(row),
            of_commands(f"Its commands, newest first (up to {NEWEST_SHOWN})", newest_of(client=row)),
            of_entries("What was done about it", about),
        ]


def _facts(row: Client) -> Facts:
    person = row.user
    return Facts(
        title="Facts",
        rows=[
            ("Role", row.role),
            ("Kind", "a machine, by key" if person is None else "a person, by password"),
            ("Last login", shown.time(person.last_login) if person else shown.NOTHING),
            ("Created", shown.time(row.created_at)),
        ],
    )


def _keys(row: Client) -> Table:
    return Table(
        title="Keys",
        heads=("Prefix", "State", "Created", "Last used", "Revoked"),
        rows=[
            [
                shown.mono(each.prefix),
                shown.state("revoked" if each.revoked_at else "active"),
                shown.time(each.created_at),
                shown.time(each.last_used_at),
                shown.time(each.revoked_at),
            ]
            for each in row.keys.order_by("-created_at")[:NEWEST_SHOWN]
        ],
        empty="No keys: people have passwords." if row.user_id else "No keys.",
    )
