"""Routes of the autoscaler, below /api/."""

from django.urls import path

from scaling.views import control

urlpatterns = [
    path("v1/scaling/kill-switch/", control.KillSwitchView.as_view(), name="kill-switch"),
]
