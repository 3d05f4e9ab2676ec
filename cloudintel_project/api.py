"""What is under /api/v1/."""

from rest_framework.routers import DefaultRouter

from collectors import views as collectors
from pipelines import views as pipelines

router = DefaultRouter()
router.include_format_suffixes = False
router.register("accounts", collectors.AccountViewSet, basename="account")
router.register("inventory", collectors.InstanceViewSet, basename="instance")
router.register("volumes", collectors.VolumeViewSet, basename="volume")
router.register("costs", collectors.CostViewSet, basename="cost")
router.register("cpu", collectors.CpuViewSet, basename="cpu")
router.register("runs", pipelines.RunViewSet, basename="run")
