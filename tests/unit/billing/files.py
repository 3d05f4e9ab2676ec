"""Billing files for tests: each line needs only what the test is about, the rest is plausible."""

import csv
import io

from collectors.billing import cur, focus

FOCUS_LINE = {
    "BilledCost": "1",
    "EffectiveCost": "2",
    "ContractedCost": "3",
    "ListCost": "4",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-03-01T00:00:00Z",
    "BillingPeriodEnd": "2026-04-01T00:00:00Z",
    "ChargePeriodStart": "2026-03-05T07:00:00Z",
    "ProviderName": "AWS",
    "ServiceName": "Amazon EC2",
    "RegionId": "eu-west-1",
    "SubAccountId": "111111111111",
    "SubAccountName": "shop",
}
CUR_LINE = {
    "bill/BillingPeriodEndDate": "2026-04-01T00:00:00Z",
    "lineItem/CurrencyCode": "USD",
    "lineItem/LineItemType": "Usage",
    "lineItem/UnblendedCost": "1",
    "lineItem/UsageAccountId": "111111111111",
    "lineItem/UsageStartDate": "2026-03-05T07:00:00Z",
    "pricing/publicOnDemandCost": "",
    "product/ProductName": "Amazon EC2",
    "product/regionCode": "eu-west-1",
    "reservation/EffectiveCost": "",
    "reservation/ReservationARN": "",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "",
    "reservation/UnusedRecurringFee": "",
    "savingsPlan/SavingsPlanEffectiveCost": "",
    "savingsPlan/TotalCommitmentToDate": "",
    "savingsPlan/UsedCommitment": "",
}
assert set(cur.MANDATORY) <= set(CUR_LINE)


def focus_line(**values):
    """One line of a FOCUS export, by column."""
    return {**dict.fromkeys(focus.COLUMNS, "NULL"), **FOCUS_LINE, **values}


def cur_line(**values):
    """One line of a Cost and Usage Report; columns are named by what follows their group."""
    places = {name.partition("/")[2]: name for name in CUR_LINE}
    return {**CUR_LINE, **{places[name]: value for name, value in values.items()}}


def text(lines, *, names=None, end="\r\n"):
    """The lines as CSV."""
    names = names or list(lines[0])
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, names, lineterminator=end)
    writer.writeheader()
    writer.writerows(lines)
    return target.getvalue()
