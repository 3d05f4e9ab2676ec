"""Routes of the autoscaler, below /api/."""

from django.urls import path

from scaling.views import control, instances, metrics, simulation

urlpatterns = [
    path("instances/", instances.InstancesView.as_view(), name="instances"),
    path("instances/<str:instance_id>", instances.InstanceView.as_view(), name="managed-instance"),
    path("instances/<str:instance_id>/monitor/start", instances.StartView.as_view(), name="monitor-start"),
    path("instances/<str:instance_id>/monitor/stop", instances.StopView.as_view(), name="monitor-stop"),
    path("instances/<str:instance_id>/policy", instances.PolicyView.as_view(), name="policy"),
    path("metrics/simulate", simulation.SimulationView.as_view(), name="simulate"),
    path("metrics/<str:instance_id>", metrics.MetricsView.as_view(), name="instance-metrics"),
    path("metrics/decisions/<str:instance_id>", metrics.DecisionsView.as_view(), name="decisions"),
    path(
        "metrics/decisions/<str:instance_id>/<uuid:decision_id>",
        metrics.DecisionView.as_view(),
        name="decision",
    ),
    path("v1/scaling/kill-switch/", control.KillSwitchView.as_view(), name="kill-switch"),
]
