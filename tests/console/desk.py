"""A person at the console in tests: logged in, through the whole stack of Django."""

import html
import re
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from store import clients
from store.models import AuditEntry
from tests.till import browser

PASSWORD = "correct horse battery"


class Desk:
    """Reads pages and confirms acts."""

    def __init__(self, user: User) -> None:
        self.http = browser()
        self.http.force_login(user)

    @classmethod
    def of(cls, name: str, role: str) -> "Desk":
        """A new person in this role."""
        clients.create_person(name, role, PASSWORD)
        return cls(User.objects.get(username=name))

    def get(self, path: str) -> Any:
        """Any page, by its address below the console's."""
        return self.http.get(f"/admin/{path}")

    def text(self, path: str) -> str:
        """What a page that must be there says, without its tags."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.content[:300])
        return said(answer)

    def confirm(self, path: str, **values: object) -> Any:
        """Do an act."""
        return self.http.post(f"/admin/{path}", values)

    def done(self, path: str, **values: object) -> str:
        """Do an act that must be done: what the page after it says."""
        answer = self.http.post(f"/admin/{path}", values, follow=True)
        assert answer.redirect_chain, said(answer)
        return said(answer)

    def queries(self, path: str) -> int:
        """How many statements of the ORM a page takes."""
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert self.get(path).status_code == 200
        return len(queries)


def said(answer: Any) -> str:
    """The text of a page."""
    body = re.sub(r"<(script|style).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def trail() -> list[tuple[str, str, str, str]]:
    """What was done at the console, oldest first: who, via, what, to what."""
    rows = AuditEntry.objects.filter(via="admin").order_by("id").values_list("actor", "via", "action", "subject_id")
    return [(actor, via, action, subject) for actor, via, action, subject in rows]
