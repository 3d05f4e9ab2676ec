"""Where the analytics endpoints are."""

from django.urls import path

from analytics import views

urlpatterns = [
    path("cost-trend", views.CostTrendView.as_view(), name="cost-trend"),
    path("cost-summary", views.CostSummaryView.as_view(), name="cost-summary"),
    path("cpu-trend", views.CpuTrendView.as_view(), name="cpu-trend"),
]
