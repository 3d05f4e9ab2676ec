"""Where the answers are that are computed each night."""

from django.urls import path

from analytics.anomalies.views import AnomalyViewSet
from analytics.carbon.views import CarbonView, SustainabilityView
from analytics.forecasting.views import ForecastView
from analytics.savings.views import DismissalView, FollowedSavingsView, SavingsView

urlpatterns = [
    path("forecast", ForecastView.as_view(), name="forecast"),
    path("anomalies", AnomalyViewSet.as_view({"get": "list"}), name="anomalies"),
    path("anomalies/<int:anomaly>", AnomalyViewSet.as_view({"get": "retrieve"}), name="anomaly"),
    path(
        "anomalies/<int:anomaly>/feedback",
        AnomalyViewSet.as_view({"post": "feedback"}, **AnomalyViewSet.feedback.kwargs),
        name="anomaly-feedback",
    ),
    path("savings", SavingsView.as_view(), name="savings"),
    path("savings/realised", FollowedSavingsView.as_view(), name="savings-realised"),
    path("savings/<int:pk>/dismiss", DismissalView.as_view(), name="savings-dismiss"),
    path("carbon", CarbonView.as_view(), name="carbon"),
    path("sustainability", SustainabilityView.as_view(), name="sustainability"),
]
