"""Routes of the automation, below /api/v1/database/automation/."""

from django.urls import path

from dbops.views import maintenance

urlpatterns = [
    path("maintenance/run", maintenance.MaintenanceRunView.as_view(), name="maintenance-run"),
    path("maintenance/status", maintenance.MaintenanceStatusView.as_view(), name="maintenance-status"),
]
