"""Where the answers are that are computed each night."""

from django.urls import path

from analytics.forecasting.views import ForecastView

urlpatterns = [
    path("forecast", ForecastView.as_view(), name="forecast"),
]
