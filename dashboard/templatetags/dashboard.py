"""What the templates of the pages are written with; `{% load dashboard %}`."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.forms import DateField
from django.template.context import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.service_names import short_name
from dashboard import navigation, written
from dashboard.charts import Chart, Figure, Series
from dashboard.fleet import Load
from dashboard.sparklines import HEIGHT, WIDTH

register = template.Library()

VENDOR = Path(__file__).parents[1] / "static" / "dashboard" / "vendor"
_TONES = {
    "good": (
        *("succeeded", "success", "ok", "fresh", "resolved", "applied"),
        *("sent", "enabled", "available", "verified"),
    ),
    "warn": (
        *("partial", "warning", "queued", "pending", "recommended", "stopping"),
        *("unknown", "skipped", "interrupted"),
    ),
    "bad": ("failed", "error", "critical", "open", "terminated", "late", "abandoned"),
}
_TONE_OF = {word: tone for tone, words in _TONES.items() for word in words}


# --- Values ----------------------------------------------------------------------------------
@register.simple_tag
def shown(value: Any, how: str = "text", *args: Any, why: str = "") -> str:
    """Write a value in a format of dashboard.written; None is unknown, with the reason."""
    return unknown(why) if value is None else written.as_format(value, how, *args)


@register.simple_tag
def unknown(why: str = "") -> SafeString:
    """Say that something is not known, and why."""
    if not why:
        return format_html('<span class="unknown">{}</span>', "unknown")
    return format_html('<span class="unknown">unknown <span class="why">{}</span></span>', why)


@register.simple_tag
def figure(value: Figure, series: Series, chart: Chart) -> str:
    """Write a figure of a chart's series."""
    if value is None:
        return format_html('<span class="unknown">{}</span>', series.missing)
    return written.in_unit(value, chart.unit, chart.digits)


@register.filter
def spans_at(chart: Chart, at: datetime | date) -> list[str]:
    """Return what a chart's spans say of a moment."""
    return chart.said_of(at)


@register.filter
def number(value: written.Number, digits: int | None = None) -> str:
    """Write a known number; `shown` is for what may be None."""
    return written.number(value, digits)


@register.filter
def plainly(value: Any) -> str:
    """Write a figure of evidence: numbers as numbers, all else as it is."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return written.number(value) if is_number else str(value)


@register.filter
def short_service(service: str) -> str:
    """Write a service by the name that people know it by, as the costs do."""
    return short_name(service)


@register.filter
def spaced(name: str) -> str:
    """Write a name of the program's as words."""
    return name.replace("_", " ")


@register.simple_tag
def kg_range(found: Mapping[str, float] | None, why: str = "") -> str:
    """Write a range of kilograms as it is stored, or that it is unknown."""
    return kg_bounds(found["low"], found["high"], why) if found else unknown(why)


@register.simple_tag
def kg_bounds(low: float | None, high: float | None, why: str = "") -> str:
    """Write the two ends of a range of kilograms, or that it is unknown."""
    return unknown(why) if low is None or high is None else written.span(low, high)


# --- Times -----------------------------------------------------------------------------------
@register.simple_tag
def moment(at: datetime | date | None, why: str = "") -> str:
    """Write a moment, to the second where it has one, or a day; UTC."""
    if at is None:
        return unknown(why)
    if not isinstance(at, datetime):
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), at.isoformat())
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M:%S} UTC"
    )


@register.simple_tag
def ago(at: datetime | None, why: str = "") -> str:
    """Write how long ago a moment was, or in how long it will be; the moment itself is its title."""
    if at is None:
        return unknown(why)
    seconds = (timezone.now() - at).total_seconds()
    apart = written.duration(max(1, round(abs(seconds)))).replace(".0 s", " s")
    text = f"{apart} ago" if seconds >= 0 else f"in {apart}"
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        f"{at:%Y-%m-%dT%H:%M:%SZ}",
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        text,
    )


# --- Words -----------------------------------------------------------------------------------
@register.simple_tag
def badge(word: str, tone: str = "") -> SafeString:
    """Write a status so that failures stand out, in its words as well as by colour."""
    known = _TONE_OF.get(str(word).lower(), "info")
    return format_html('<span class="badge {}">{}</span>', tone or known, word)


@register.filter
def humanised(name: str) -> str:
    """Write a name such as cache_hit as people do: Cache hit."""
    return name.replace("_", " ").capitalize()


@register.simple_tag
def severity_badge(severity: str, count: int) -> SafeString:
    """Write how many alerts of a severity there are."""
    return badge(f"{count} {severity}", _TONE_OF.get(severity, ""))


@register.simple_tag
def threshold_badge(threshold: Mapping[str, Any], expected: str = "") -> SafeString:
    """Write a threshold of a budget that is crossed, by what is spent or by what is expected."""
    is_over = threshold["percent"] >= 100 and not expected  # noqa: PLR2004 - percent
    return badge(f"{threshold['percent']} % {expected}".strip(), "bad" if is_over else "warn")


# --- Scripts and styles ----------------------------------------------------------------------
@cache
def _record() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((VENDOR / "VENDORED.json").read_text())
    return found


def _integrity(name: str) -> str:
    return f"sha256-{b64encode(bytes.fromhex(_record()[name]['sha256'])).decode()}"


@register.simple_tag
def vendored(name: str) -> SafeString:
    """Load what others wrote, if it is still what is on record."""
    address = static(f"dashboard/vendor/{name}")
    if name.endswith(".css"):
        return format_html('<link rel="stylesheet" href="{}" integrity="{}">', address, _integrity(name))
    return format_html('<script src="{}" integrity="{}" defer></script>', address, _integrity(name))


# --- Parts -----------------------------------------------------------------------------------
@register.inclusion_tag("dashboard/parts/navigation.html", takes_context=True)
def navigation_links(context: Context) -> dict[str, Any]:
    """Link all pages, and say which one this is."""
    path = context["request"].path
    links = [(each.label, each.address, each.current(path)) for each in navigation.ENTRIES]
    return {"links": links, "user": context["request"].user}


@register.inclusion_tag("dashboard/parts/chart.html", takes_context=True)
def chart(context: Context, drawn: Chart) -> dict[str, Any]:
    """Show a chart with its table."""
    return {"chart": drawn, "request": context["request"]}


@register.inclusion_tag("dashboard/parts/filters.html", takes_context=True)
def filters(context: Context, form: Any, names: str = "", **labels: str) -> dict[str, Any]:
    """Show a form by which the page is narrowed down.

    `names` are the fields to show, labelled by their names or as told; else all, with their own.
    """
    for field in form.fields.values():
        if isinstance(field, DateField):
            field.widget.input_type = "date"
    own = {name: form[name].label for name in form.fields} if not names else {}
    fields = [
        (form[name], labels.get(name) or own.get(name) or name.replace("_", " ").capitalize())
        for name in (names.split() or form.fields)
    ]
    return {"form": form, "fields": fields, "path": context["request"].path}


@register.inclusion_tag("dashboard/parts/action.html", takes_context=True)
def action(
    context: Context, address: str, label: str, about: str = "", *, confirm: str = "", tone: str = ""
) -> dict[str, Any]:
    """Show the button of an Action; who hears it alone hears what it is `about`, and `confirm` asks first."""
    slug = address.strip("/").replace("/", "-")
    shown = {"address": address, "label": label, "about": about, "confirm": confirm, "tone": tone}
    return {**shown, "slug": slug, "next": context["request"].get_full_path()}


@register.simple_tag(takes_context=True)
def tab(context: Context, route: str, label: str) -> SafeString:
    """Link a page beside this one, and say where it is this one."""
    address = reverse(route)
    current = format_html(' aria-current="{}"', "page") if context["request"].path == address else ""
    return format_html('<li><a href="{}"{}>{}</a></li>', address, current, label)


@register.simple_tag(takes_context=True)
def narrowed_to(context: Context, name: str, value: str) -> str:
    """Return the address's query with this filter, and from its first page on."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    query[name] = value
    return f"?{query.urlencode()}"


@register.inclusion_tag("dashboard/parts/suggestions.html")
def suggestions(values: Sequence[str], id: str) -> dict[str, Any]:  # noqa: A002 - the attribute's name
    """Offer values to whoever writes in a field whose `list` is this id."""
    return {"values": values, "id": id}


@register.inclusion_tag("dashboard/parts/pagination.html", takes_context=True)
def pagination(context: Context, rows: Any) -> dict[str, Any]:
    """Lead to the other pages of a list, keeping what else the address says."""
    return {"rows": rows, "request": context["request"]}


@register.inclusion_tag("dashboard/parts/sorted.html", takes_context=True)
def sorted_by(context: Context, field: str, label: str) -> dict[str, Any]:
    """Head a column by which the list can be ordered: the link orders by it, or turns its order round."""
    request = context["request"]
    chosen = request.GET.get("ordering", "")
    direction = {field: "ascending", f"-{field}": "descending"}.get(chosen, "none")
    query = request.GET.copy()
    query.pop("page", None)
    query["ordering"] = f"-{field}" if direction == "ascending" else field
    return {"label": label, "direction": direction, "address": f"{request.path}?{query.urlencode()}"}


@register.inclusion_tag("dashboard/parts/sparkline.html")
def sparkline(load: Load, name: str) -> dict[str, Any]:
    """Draw the line of a metric's hours, which is read aloud as its least, its average and its most."""
    return {"load": load, "name": name, "width": WIDTH, "height": HEIGHT}


@register.inclusion_tag("dashboard/parts/empty.html")
def empty(sentence: str, more: str = "") -> dict[str, str]:
    """Say that a list is empty, and what to do about it."""
    return {"sentence": sentence, "more": more}
