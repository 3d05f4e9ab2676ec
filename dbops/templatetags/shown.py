"""Figures as the report's page shows them; what is unknown is a dash."""

from django import template

from dbops.wording import size

register = template.Library()
_UNKNOWN = "–"


@register.filter
def percent(share: float | None) -> str:
    """Show a share of 0 to 1."""
    return _UNKNOWN if share is None else f"{share:.1%}"


@register.filter
def number(value: float | None) -> str:
    """Show a number, with one decimal where it has any."""
    if value is None:
        return _UNKNOWN
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


@register.filter(name="bytes")
def bytes_(value: float | None) -> str:
    """Show bytes; a loss has its sign."""
    if value is None:
        return _UNKNOWN
    return f"-{size(-value)}" if value < 0 else size(value)
