"""Routes of the automation, below /api/v1/database/automation/."""

from django.urls import path

from dbops.views import control, judging, learning, maintenance, observing, scaling

urlpatterns = [
    path("start", control.StartView.as_view(), name="automation-start"),
    path("stop", control.StopView.as_view(), name="automation-stop"),
    path("status", control.StatusView.as_view(), name="automation-status"),
    path("maintenance/run", maintenance.MaintenanceRunView.as_view(), name="maintenance-run"),
    path("maintenance/status", maintenance.MaintenanceStatusView.as_view(), name="maintenance-status"),
    path("recommendations", judging.RecommendationsView.as_view(), name="database-recommendations"),
    path("optimize", judging.OptimizeView.as_view(), name="database-optimize"),
    path("report", judging.ReportView.as_view(), name="database-report"),
    path("metrics", observing.MetricsView.as_view(), name="database-metrics"),
    path("load/history", observing.LoadHistoryView.as_view(), name="load-history"),
    path("scaling/evaluate", scaling.EvaluateView.as_view(), name="pool-evaluate"),
    path("scaling/history", scaling.HistoryView.as_view(), name="pool-history"),
    path("emergency/scale-up", scaling.EmergencyView.as_view(), name="pool-emergency"),
    path("scaling/patterns", learning.PatternsView.as_view(), name="load-patterns"),
    path("scaling/predict", learning.PredictView.as_view(), name="load-predict"),
]
