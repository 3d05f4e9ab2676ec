"""The database that CloudIntel keeps its data in."""

from typing import Any

from dashboard.pages import Page
from dbops.serializers.observing import health_of
from dbops.services import observing


class DatabasePage(Page):
    """How healthy it was when it was looked at last."""

    title = "Database"
    template_name = "dashboard/database.html"

    def context(self) -> dict[str, Any]:
        observed = observing.latest()
        return {"observed": observed, "health": health_of(observed)}
