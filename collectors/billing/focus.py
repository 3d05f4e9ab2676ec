"""FOCUS, the FinOps Open Cost and Usage Specification.

Source: FOCUS 1.0 of 2024-06-20, columns in the order of the specification, "feature level" Mandatory where
marked;
what 1.1 (2024-11-12) and 1.2 (2025-05-29) add. focus.finops.org, looked up 2026-11-30.
"""

from collectors.billing.layouts import Columns, Layout, Line, Tags, key_of
from collectors.models import Basis
from collectors.models import Layout as LayoutName

MANDATORY = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
)
_FURTHER = (
    "AvailabilityZone",
    "ChargeFrequency",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
)
COLUMNS = tuple(sorted(MANDATORY + _FURTHER))
"""All of FOCUS 1.0; the specification has them in the order of the alphabet."""

_LATER = (
    "CapacityReservationId",
    "CapacityReservationStatus",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit",
    "ServiceSubcategory",
    "SkuMeter",
    "SkuPriceDetails",
    "BillingAccountType",
    "InvoiceId",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "SubAccountType",
)
COSTS = {
    Basis.UNBLENDED: "BilledCost",
    Basis.EFFECTIVE: "EffectiveCost",
    Basis.CONTRACTED: "ContractedCost",
    Basis.LIST: "ListCost",
}
_TAGS = "tags"
_KNOWN = frozenset(key_of(name) for name in COLUMNS + _LATER)


def _line(columns: Columns) -> Line:
    return Line(
        provider=columns.part("providername"),
        account=columns.part("subaccountid", "billingaccountid"),
        name=columns.part("subaccountname"),
        start=columns.part("chargeperiodstart"),
        period_end=columns.part("billingperiodend"),
        unit=columns.part("billingcurrency"),
        service=columns.part("servicename"),
        region=columns.part("regionid", "regionname"),
        amounts={basis: columns.part(key_of(name)) for basis, name in COSTS.items()},
        tags=Tags(columns.text(_TAGS), prefix="user:") if _TAGS in columns.names else None,
    )


FOCUS = Layout(
    name=LayoutName.FOCUS,
    telling=frozenset({"billedcost", "effectivecost", "chargeperiodstart"}),
    mandatory=MANDATORY,
    knows=lambda name: key_of(name) in _KNOWN,
    line=_line,
)
