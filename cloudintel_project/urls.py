"""Every path that is answered; each is written once and answered with and without its slash."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

import accounts.schema  # noqa: F401  # the schema learns of the ways to log in
from cloudintel_project.api import router
from cloudintel_project.metrics import MetricsView
from collectors.backfilling import BackfillView
from collectors.billing.export_views import CostExportView
from collectors.views import SyncView
from core import health
from pipelines.calling import ExecuteView, ValidateWeeklyView
from pipelines.promises import SloView
from pipelines.status import StatusView
from scaling.views.replay import ReplayView

admin.site.site_header = admin.site.site_title = "CloudIntel"
admin.site.index_title = "Administration"

urlpatterns = [
    path("", include("dashboard.urls")),
    path("health", health.health),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("admin/", admin.site.urls),
    path("api/", health.message),
    path("api/auth/", include("accounts.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/", include("scaling.urls")),
    path("api/v1/database/automation/", include("dbops.urls")),
    path("api/v1/backfill", BackfillView.as_view(), name="backfill"),
    path("api/v1/slo", SloView.as_view(), name="slo"),
    path("api/v1/analytics/replay", ReplayView.as_view(), name="replay"),
    path("api/v1/analytics/", include("analytics.intelligence_urls")),
    path("api/v1/costs/export", CostExportView.as_view(), name="cost-export"),
    path("api/v1/", include(router.urls)),
    path("sync-ec2", SyncView.as_view(pipeline="ec2"), name="sync-ec2"),
    path("sync-cost", SyncView.as_view(pipeline="cost"), name="sync-cost"),
    path("sync-cpu", SyncView.as_view(pipeline="cpu"), name="sync-cpu"),
    path("status", StatusView.as_view(), name="status"),
    path("execute", ExecuteView.as_view(), name="execute"),
    path("validate-weekly", ValidateWeeklyView.as_view(), name="validate-weekly"),
    path("sync-billing", SyncView.as_view(pipeline="billing"), name="sync-billing"),
    path("", include("analytics.urls")),
]

handler400 = "core.api.bad_request"
handler403 = "core.api.permission_denied"
handler404 = "core.api.not_found"
handler500 = "core.api.server_error"
