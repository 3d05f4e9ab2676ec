"""The pages that the navigation leads to, in its order."""

from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """A page by the name of its route, and what its link says."""

    route: str
    label: str

    @property
    def address(self) -> str:
        return reverse(self.route)

    def current(self, path: str) -> str:
        """Return what `aria-current` is at that address: `page`, `true` below the page, or nothing."""
        own = self.address.rstrip("/")
        if path.rstrip("/") == own:
            return "page"
        return "true" if own and path.startswith(f"{own}/") else ""


ENTRIES = (
    Entry("dashboard:overview", "Overview"),
    Entry("dashboard:costs", "Costs"),
    Entry("dashboard:fleet", "Fleet"),
    Entry("dashboard:autoscaler", "Autoscaler"),
    Entry("dashboard:database", "Database"),
    Entry("dashboard:pipelines", "Pipelines"),
    Entry("dashboard:alerts", "Alerts"),
    Entry("dashboard:settings", "Settings"),
)
