"""The Cost and Usage Report of AWS: CUR (`lineItem/UnblendedCost`), and CUR 2.0 and Athena's names of it."""

import re

from collectors.billing.amounts import wide
from collectors.billing.layouts import Columns, Layout, Line, Part, Tags, key_of, quoted
from collectors.models import Basis
from collectors.models import Layout as LayoutName

MANDATORY = (
    "bill/BillingPeriodEndDate",
    "lineItem/CurrencyCode",
    "lineItem/LineItemType",
    "lineItem/UnblendedCost",
    "lineItem/UsageAccountId",
    "lineItem/UsageStartDate",
)
_GROUPS = (
    "identity",
    "bill",
    "lineitem",
    "product",
    "pricing",
    "reservation",
    "savingsplan",
    "discount",
    "costcategory",
    "resourcetags",
    "splitlineitem",
    "capacityreservation",
)
MOST_TAG_COLUMNS = 100
"""Of a report with more columns of tags the first ones are read."""

_TAG_MAP = "resourcetags"
_TAG = re.compile(r"resource_?tags[/_](.+)", re.IGNORECASE)
_ARN = "reservationreservationarn"
_TAKEN = {
    "SavingsPlanCoveredUsage": "savingsplansavingsplaneffectivecost",
    "DiscountedUsage": "reservationeffectivecost",
}
_NOTHING = ("SavingsPlanNegation", "SavingsPlanUpfrontFee")
_COMMITTED, _USED = "savingsplantotalcommitmenttodate", "savingsplanusedcommitment"
_UPFRONT, _RECURRING = (
    "reservationunusedamortizedupfrontfeeforbillingperiod",
    "reservationunusedrecurringfee",
)


def _amortized(columns: Columns) -> Part:
    """Return the amortized cost.

    Source: AWS, Cost and Usage Report user guide and the query "amortized cost by charge type" of AWS's
    Well-Architected Labs: what a commitment covers has its effective cost, what of it went unused is told by
    the fees, and what paid for it in advance counts nothing.
    """
    kind, unblended = columns.text("lineitemlineitemtype"), columns.part("lineitemunblendedcost")
    choices = [(f"{kind} = {quoted(name)}", columns.part(key)) for name, key in _TAKEN.items()]
    choices += [(f"{kind} = {quoted(name)}", Part("'0'", unblended.column)) for name in _NOTHING]
    choices += [
        (f"{kind} = 'SavingsPlanRecurringFee'", _combined(columns, _COMMITTED, "-", _USED)),
        (f"{kind} = 'RIFee'", _combined(columns, _UPFRONT, "+", _RECURRING)),
        (f"{kind} = 'Fee' AND {columns.text(_ARN)} IS NOT NULL", Part("'0'", unblended.column)),
    ]
    texts = " ".join(f"WHEN {when} THEN {part.text}" for when, part in choices)
    names = " ".join(f"WHEN {when} THEN {part.column}" for when, part in choices)
    return Part(
        f"CASE {texts} ELSE {unblended.text} END",
        f"CASE {names} ELSE {unblended.column} END",
    )


def _combined(columns: Columns, first: str, sign: str, second: str) -> Part:
    """Return the sum or difference of two columns as text; of what is no number, text that is none either."""
    one, other = columns.text(first), columns.text(second)
    result = f"CAST({wide(one)} {sign} {wide(other)} AS VARCHAR)"
    return Part(f"coalesce({result}, {one} || ' {sign} ' || {other})", quoted(columns.label(first)))


def _tags(columns: Columns) -> Tags | None:
    """Return where the tags are: CUR 2.0 has a map of them, the others have a column for each.

    Source: AWS, Cost and Usage Report user guide, "Resource tags details": `resourceTags/user:team`, with
    `aws:` before the keys that AWS gives; in the names of Athena and CUR 2.0 both end in an underscore.
    """
    if _TAG_MAP in columns.names:
        return Tags(columns.text(_TAG_MAP), prefix="user_")
    keys = {place: found[1] for place, name in enumerate(columns.every) if (found := _TAG.fullmatch(name))}
    places = list(keys)[:MOST_TAG_COLUMNS]
    if not places:
        return None
    values = ", ".join(columns.cell(place) for place in places)
    return Tags(f"[{values}]", [_plain(keys[place]) for place in places])


def _plain(key: str) -> str:
    """Return a tag's key as it was given, where its name still tells."""
    return re.sub(r"\Auser[:_]", "", key)


def _line(columns: Columns) -> Line:
    return Line(
        provider=Part("'AWS'", "''"),
        account=columns.part("lineitemusageaccountid"),
        name=columns.part("lineitemusageaccountname"),
        start=columns.part("lineitemusagestartdate"),
        period_end=columns.part("billbillingperiodenddate"),
        unit=columns.part("lineitemcurrencycode"),
        service=columns.part("productproductname", "productservicename", "lineitemproductcode"),
        region=columns.part("productregioncode", "productregion"),
        amounts={
            Basis.UNBLENDED: columns.part("lineitemunblendedcost"),
            Basis.AMORTIZED: _amortized(columns),
            Basis.LIST: columns.part("pricingpublicondemandcost"),
        },
        tags=_tags(columns),
    )


CUR = Layout(
    name=LayoutName.CUR,
    telling=frozenset({"lineitemunblendedcost", "lineitemusagestartdate", "lineitemlineitemtype"}),
    mandatory=MANDATORY,
    knows=lambda name: key_of(name).startswith(_GROUPS),
    line=_line,
)
