"""What is under /api/v1/."""

from rest_framework.routers import DefaultRouter

from alerts import views as alerts
from analytics.budgets import views as budgets
from collectors import views as collectors
from collectors.billing import views as billing
from collectors.samples import views as samples
from pipelines import views as pipelines
from pipelines.quality import views as quality
from scaling.views import control as scaling

router = DefaultRouter()
router.include_format_suffixes = False
router.register("accounts", collectors.AccountViewSet, basename="account")
router.register("inventory", collectors.InstanceViewSet, basename="instance")
router.register("volumes", collectors.VolumeViewSet, basename="volume")
router.register("costs", collectors.CostViewSet, basename="cost")
router.register("cpu", collectors.CpuViewSet, basename="cpu")
router.register("samples", samples.SampleViewSet, basename="sample")
router.register("fleet-cpu", samples.FleetCpuViewSet, basename="fleet-cpu")
router.register("billing-files", billing.BillingFileViewSet, basename="billing-file")
router.register("reconciliations", billing.ReconciliationViewSet, basename="reconciliation")
router.register("cost-tags", billing.CostTagViewSet, basename="cost-tag")
router.register("runs", pipelines.RunViewSet, basename="run")
router.register("quality", quality.QualityViewSet, basename="quality")
router.register("budgets", budgets.BudgetViewSet, basename="budget")
router.register("alerts", alerts.AlertViewSet, basename="alert")
router.register("channels", alerts.ChannelViewSet, basename="channel")
router.register("scaling/events", scaling.EventViewSet, basename="scaling-event")
