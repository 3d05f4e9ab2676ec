"""Routes of the pages; each page's module in dashboard.views has the actions that are on it."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from dashboard.views import (
    alerts,
    autoscaler,
    budgets,
    carbon,
    costs,
    database,
    fleet,
    overview,
    pipelines,
    savings,
    session,
    settings,
)

app_name = "dashboard"
urlpatterns = [
    path("", overview.OverviewPage.as_view(), name="overview"),
    path("login/", session.LoginPage.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("costs/", costs.CostsPage.as_view(), name="costs"),
    path("costs/anomalies/<int:anomaly>/feedback/", costs.JudgeAnomaly.as_view(), name="judge-anomaly"),
    path("costs/budgets/new/", budgets.BudgetPage.as_view(), name="new-budget"),
    path("costs/budgets/<int:budget>/", budgets.BudgetPage.as_view(), name="budget"),
    path("costs/budgets/<int:budget>/delete/", budgets.DeleteBudget.as_view(), name="delete-budget"),
    path("costs/carbon/", carbon.CarbonPage.as_view(), name="carbon"),
    path("costs/savings/", savings.SavingsPage.as_view(), name="savings"),
    path("costs/savings/<int:saving>/dismiss/", savings.Dismiss.as_view(), name="dismiss-saving"),
    path("costs/savings/<int:saving>/restore/", savings.Restore.as_view(), name="restore-saving"),
    path("fleet/", fleet.FleetPage.as_view(), name="fleet"),
    path("autoscaler/", autoscaler.AutoscalerPage.as_view(), name="autoscaler"),
    path("database/", database.DatabasePage.as_view(), name="database"),
    path("database/automation/start/", database.StartAutomation.as_view(), name="start-automation"),
    path("database/automation/stop/", database.StopAutomation.as_view(), name="stop-automation"),
    path("database/pool/evaluate/", database.Evaluate.as_view(), name="evaluate-pool"),
    path("database/pool/emergency/", database.Emergency.as_view(), name="pool-emergency"),
    path("database/predict/", database.Predict.as_view(), name="predict-load"),
    path("database/optimize/", database.Optimize.as_view(), name="optimize-database"),
    path("database/maintain/", database.Maintain.as_view(), name="maintain-database"),
    path(
        "database/maintain/dry-run/",
        database.Maintain.as_view(dry_run=True),
        name="maintain-database-dry",
    ),
    path("pipelines/", pipelines.PipelinesPage.as_view(), name="pipelines"),
    path("pipelines/collect/", pipelines.Collect.as_view(), name="collect"),
    path("pipelines/<int:pk>/resume/", pipelines.Resume.as_view(), name="resume"),
    path("pipelines/<int:pk>/cancel/", pipelines.Cancel.as_view(), name="cancel"),
    path("alerts/", alerts.AlertsPage.as_view(), name="alerts"),
    path("alerts/<int:pk>/acknowledge/", alerts.Acknowledge.as_view(), name="acknowledge"),
    path("settings/", settings.SettingsPage.as_view(), name="settings"),
    path("settings/password/", settings.ChangePassword.as_view(), name="change-password"),
    path("settings/accounts/<int:pk>/enable/", settings.SwitchAccount.as_view(), name="enable-account"),
    path(
        "settings/accounts/<int:pk>/disable/",
        settings.SwitchAccount.as_view(on=False),
        name="disable-account",
    ),
    path("settings/channels/", settings.AddChannel.as_view(), name="add-channel"),
    path("settings/channels/<int:pk>/test/", settings.TestChannel.as_view(), name="test-channel"),
    path("settings/channels/<int:pk>/enable/", settings.SwitchChannel.as_view(), name="enable-channel"),
    path(
        "settings/channels/<int:pk>/disable/",
        settings.SwitchChannel.as_view(on=False),
        name="disable-channel",
    ),
    path("settings/channels/<int:pk>/delete/", settings.DeleteChannel.as_view(), name="delete-channel"),
]
