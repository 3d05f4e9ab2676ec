"""How moments and rows are shown."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def seconds(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def table(head: Iterable[Any], rows: Iterable[Iterable[Any]]) -> SafeString:
    """Show rows of cells, each escaped; null is a dash."""
    cells = [
        format_html_join("", "<td>{}</td>", (("-" if each is None else each,) for each in row))
        for row in rows
    ]
    return format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
        format_html_join("", "<th>{}</th>", ((each,) for each in head)),
        format_html_join("", "<tr>{}</tr>", ((each,) for each in cells)),
    )
