"""The admin: every model has readable pages, collected data is only looked at, and syncs can be started."""

import re

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.models import Alert, Channel, Delivery, Notification
from analytics.models import (
    Anomaly,
    Budget,
    CarbonReport,
    CostForecast,
    CostJudgement,
    FollowedSaving,
    InstanceFootprint,
    LoadForecast,
    PriceList,
    Saving,
    SustainabilityScore,
)
from collectors.models import (
    AwsSpend,
    BillingFile,
    BillingManifest,
    CloudAccount,
    CpuMetric,
    DailyCost,
    Instance,
    QuarantinedLine,
    Reconciliation,
    Volume,
)
from pipelines import messages
from pipelines.models import QualityReport, Run, Status, Step
from tests import builders

pytestmark = pytest.mark.django_db

COMPUTED = (Budget, CarbonReport, InstanceFootprint, SustainabilityScore)
BILLING = (BillingManifest, BillingFile, QuarantinedLine, Reconciliation)
FORECASTS = (CostForecast, LoadForecast)
RECORDED = (
    *(Instance, Volume, DailyCost, CpuMetric, AwsSpend, Run, QualityReport),
    *(Alert, Notification, Delivery, *BILLING, *FORECASTS, *COMPUTED),
    *(Anomaly, CostJudgement, Saving, FollowedSaving, PriceList),
)


def page(model, view="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def logged_in(person):
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def administrator():
    return logged_in(builders.user("administrator"))


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(messages, "send", lambda _run: True)


def estate():
    """A row of everything, each with rows of its own beside it."""
    account = builders.account(name="prod")
    instance = builders.instance(account, name="web", launched_at=builders.MORNING)
    parent = builders.run("daily", requested_by=builders.user())
    run = builders.run("ec2", Status.PARTIAL, parent=parent, counts={"created": 3}, error="one\ntwo")
    builders.step(run, f"{account.account_id}/eu-west-1", Status.FAILED, error="AccessDenied")
    builders.state_change(instance, "running")
    channel = builders.channel()
    alert = builders.alert(body="one\ntwo")
    file = builders.billing_file()
    return {
        Budget: builders.budget(account=account),
        CarbonReport: CarbonReport.objects.create(
            start="2026-03-01", end="2026-03-31", coefficients_as_of="2026-11-30"
        ),
        InstanceFootprint: InstanceFootprint.objects.create(
            instance=instance, instance_type="t3.micro", unknown_hours=0, measured_share=1
        ),
        SustainabilityScore: SustainabilityScore.objects.get_or_create(date="2026-03-30", known_weight=0)[0],
        BillingManifest: file.manifest,
        BillingFile: file,
        QuarantinedLine: builders.quarantined(file),
        Reconciliation: builders.reconciliation(account, "2026-03-01"),
        CloudAccount: account,
        Anomaly: builders.anomaly(account),
        CostJudgement: CostJudgement.objects.create(account=account, judged_through="2026-03-01"),
        Instance: instance,
        Volume: builders.volume(account, created_at=builders.MORNING),
        DailyCost: builders.cost(account, "2026-03-01", "0.0000008072"),
        CpuMetric: builders.cpu_day(instance, "2026-03-01", 12.5),
        QualityReport: builders.quality_report(run=parent, datasets={"costs": 100.0}),
        CostForecast: builders.cost_forecast(account),
        LoadForecast: builders.load_forecast(instance),
        Saving: builders.saving(instance),
        FollowedSaving: builders.followed_saving(instance),
        PriceList: builders.price_list(f"eu-west-{account.pk}"),
        AwsSpend: AwsSpend.objects.create(account=account, date="2026-03-01", amount_usd="0.01"),
        Run: run,
        Alert: alert,
        Notification: alert.notifications.get(),
        Delivery: channel.deliveries.get(),
        Channel: channel,
    }


@pytest.mark.parametrize("model", site._registry, ids=lambda model: model._meta.label)
def test_every_model_has_a_list(administrator, model):
    estate()
    assert administrator.get(page(model)).status_code == 200


def test_every_model_of_ours_is_there():
    assert {*RECORDED, Channel, CloudAccount} <= set(site._registry)


@pytest.mark.parametrize("model", [CloudAccount, Channel, *RECORDED], ids=lambda model: model.__name__)
def test_every_row_has_a_page(administrator, model):
    row = estate()[model]
    assert administrator.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", [CloudAccount, Channel, *RECORDED], ids=lambda model: model.__name__)
def test_a_list_costs_the_same_number_of_queries_however_long(administrator, model):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            administrator.get(page(model))
        return len(captured)

    estate()
    few = queries()
    for _ in range(4):
        estate()
    assert queries() == few


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (CloudAccount, "enabled__exact=1&q=prod"),
        (Instance, "state__exact=running&region=eu-west-1&gone=no&q=web"),
        (Instance, "launched_at__year=2026&launched_at__month=3"),
        (Volume, "volume_type=gp3&encrypted__exact=0&q=vol"),
        (DailyCost, "date__year=2026&date__month=3&estimated__exact=0&q=EC2"),
        (BillingFile, "state__exact=active&layout__exact=focus&manifest__export=bill&q=csv"),
        (Reconciliation, "date__year=2026&unit=USD"),
        (CpuMetric, "ec2__region=eu-west-1&date__year=2026&q=i-"),
        (Run, "status__exact=partial&trigger__exact=manual&part=yes&q=one"),
    ],
)
def test_lists_can_be_searched_and_filtered(administrator, model, query):
    row = estate()[model]
    answer = administrator.get(f"{page(model)}?{query}")
    assert answer.status_code == 200
    assert list(answer.context["cl"].result_list) == [row]


def test_amounts_are_shown_with_every_digit(administrator):
    row = estate()[DailyCost]
    assert "0.0000008072" in administrator.get(page(DailyCost)).content.decode()
    assert "0.0000008072" in administrator.get(page(DailyCost, "change", row.pk)).content.decode()


@pytest.mark.parametrize("model", RECORDED, ids=lambda model: model.__name__)
def test_what_was_recorded_can_only_be_looked_at(administrator, model):
    row = estate()[model]
    assert administrator.get(page(model, "add")).status_code == 403
    assert administrator.post(page(model, "change", row.pk), {}).status_code == 403
    assert administrator.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_tags_are_escaped(administrator):
    row = builders.instance(name="<b>web</b>", tags={"Name": "<script>alert(1)</script>"})
    for address in (page(Instance), page(Instance, "change", row.pk)):
        shown = administrator.get(address).content.decode()
        assert "<script>alert(1)" not in shown
        assert "<b>web</b>" not in shown


class TestRuns:
    def test_show_how_they_ended_and_why(self, administrator):
        run = estate()[Run]
        shown = administrator.get(page(Run)).content.decode()
        assert "created 3" in shown
        assert "60.0 s" in shown
        detail = administrator.get(page(Run, "change", run.pk)).content.decode()
        assert "AccessDenied" in detail
        assert page(Run, "change", run.parent_id) in detail

    def test_show_the_runs_they_consist_of(self, administrator):
        run = estate()[Run]
        assert (
            page(Run, "change", run.pk)
            in administrator.get(page(Run, "change", run.parent_id)).content.decode()
        )

    def test_show_the_steps_that_matter_most_and_how_many_there_are(self, administrator):
        run = builders.run(status=Status.RUNNING)
        for number in range(101):
            builders.step(run, f"step{number:03}")
        builders.step(run, "refused", Status.FAILED)
        answer = administrator.get(page(Run, "change", run.pk))
        (formset,) = [each.formset for each in answer.context["inline_admin_formsets"] if each.forms]
        names = [form.instance.name for form in formset.forms]
        assert names == ["refused", *(f"step{number:03}" for number in range(99))]
        shown = answer.content.decode()
        assert f"{page(Step)}?run__id__exact={run.pk}&amp;status__exact=succeeded" in shown
        assert "succeeded 101</a>" in shown

    def test_lead_to_their_steps_of_one_status(self, administrator):
        run = builders.run(status=Status.PARTIAL)
        failed = builders.step(run, "refused", Status.FAILED)
        builders.step(run, "fine")
        builders.step(builders.run(), "another run's", Status.FAILED)
        answer = administrator.get(f"{page(Step)}?run__id__exact={run.pk}&status__exact=failed")
        assert list(answer.context["cl"].result_list) == [failed]

    def test_show_who_works_how_often_and_until_when(self, administrator):
        run = builders.run(status=Status.RUNNING)
        builders.step(
            run,
            "throttled",
            Status.QUEUED,
            retries=2,
            lost_workers=3,
            not_before=builders.MORNING,
            lease_until=builders.MORNING.replace(hour=7),
        )
        shown = administrator.get(page(Run, "change", run.pk)).content.decode()
        cells = dict(re.findall(r'<td class="field-(\w+)">\s*<p>(.*?)</p>', shown))
        assert (cells["attempt"], cells["retries"], cells["lost_workers"]) == ("1", "2", "3")
        assert (cells["lease_until"], cells["not_before"]) == (
            "March 1, 2026, 7 a.m.",
            "March 1, 2026, 6 a.m.",
        )

    def test_cost_the_same_number_of_queries_however_many_steps(self, administrator):
        def queries(number):
            run = builders.run(status=Status.PARTIAL)
            for each in range(number):
                builders.step(run, str(each))
            with CaptureQueriesContext(connection) as captured:
                administrator.get(page(Run, "change", run.pk))
            return len(captured)

        queries(1)
        assert queries(105) == queries(1)

    def test_can_be_started_again(self, administrator):
        old = builders.run("cost", Status.FAILED)
        answer = administrator.post(
            page(Run), {"action": "start_again", "_selected_action": [old.pk]}, follow=True
        )
        new = Run.objects.exclude(pk=old.pk).get()
        assert (new.pipeline, new.status) == ("cost", "queued")
        assert new.requested_by.is_superuser
        assert page(Run, "change", new.pk) in answer.content.decode()

    def test_that_were_asked_for_days_are_started_again_for_these_days(self, administrator):
        days = {"start": "2026-02-01", "end": "2026-03-01"}
        old = builders.run("cost", Status.FAILED, scope="2026-02-01..2026-03-01", params=days)
        administrator.post(page(Run), {"action": "start_again", "_selected_action": [old.pk]})
        assert Run.objects.exclude(pk=old.pk).get().params == days

    @pytest.mark.parametrize(
        ("action", "before", "after"),
        [("cancel", Status.RUNNING, "cancelled"), ("resume", Status.FAILED, "queued")],
    )
    def test_can_be_cancelled_and_resumed(self, administrator, action, before, after):
        run = builders.run("cost", before)
        answer = administrator.post(page(Run), {"action": action, "_selected_action": [run.pk]}, follow=True)
        assert f"is {after}." in answer.content.decode()
        again = administrator.post(page(Run), {"action": action, "_selected_action": [run.pk]}, follow=True)
        assert f"Run {run.pk} (cost, all)" in again.content.decode()

    def test_show_how_far_they_are_and_what_their_steps_tell(self, administrator):
        run = builders.run(status=Status.RUNNING, params={"sources": ["ec2"]})
        told = {"inputs": {"region": "eu-west-1"}, "outputs": {"found": 3}}
        builders.step(run, "done", **told)
        builders.step(run, "failed", Status.FAILED, error="denied")
        builders.step(run, "waits", Status.QUEUED)
        shown = administrator.get(page(Run, "change", run.pk)).content.decode()
        assert '<progress max="100" value="66"></progress> 66 %, 2 of 3 steps' in shown
        for text in ("region eu-west-1", "found 3", "1. -: failed denied", "&quot;sources&quot;"):
            assert text in shown

    def test_of_a_pipeline_that_is_no_more_cannot(self, administrator):
        old = builders.run("retired", Status.FAILED)
        answer = administrator.post(
            page(Run), {"action": "start_again", "_selected_action": [old.pk]}, follow=True
        )
        assert "There is no pipeline" in answer.content.decode()


class TestAccounts:
    @pytest.mark.parametrize(
        ("action", "pipelines"),
        [
            ("sync_ec2", {"ec2"}),
            ("sync_cost", {"cost"}),
            ("sync_cpu", {"cpu"}),
            ("sync_all", {"daily", "ec2", "cost", "cpu", "billing", "quality"}),
        ],
    )
    def test_can_be_synced_now(self, administrator, action, pipelines):
        account = builders.account()
        answer = administrator.post(
            page(CloudAccount), {"action": action, "_selected_action": [account.pk]}, follow=True
        )
        assert set(Run.objects.values_list("pipeline", flat=True)) == pipelines
        started = Run.objects.get(parent=None)
        assert f'<a href="{page(Run, "change", started.pk)}">' in answer.content.decode()

    def test_are_added_with_an_external_id_of_ours(self, administrator):
        wanted = {
            "account_id": "111111111111",
            "name": "prod",
            "role_arn": "",
            "regions": "[]",
            "cost_source": "explorer",
            "enabled": "on",
        }
        answer = administrator.post(page(CloudAccount, "add"), wanted, follow=True)
        assert answer.status_code == 200
        assert CloudAccount.objects.get().external_id.startswith("cloudintel-")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"account_id": "1"},
            {"regions": '["everywhere"]'},
            {"regions": "{"},
            {"role_arn": "arn:aws:iam::222222222222:role/Reader"},
        ],
    )
    def test_are_checked(self, administrator, wrong):
        wanted = {"account_id": "111111111111", "regions": "[]", "enabled": "on", **wrong}
        assert "errorlist" in administrator.post(page(CloudAccount, "add"), wanted).content.decode()
        assert not CloudAccount.objects.exists()

    def test_keep_their_id(self, administrator):
        account = builders.account("111111111111")
        wanted = {"account_id": "222222222222", "name": "prod", "regions": "[]", "cost_source": "files"}
        administrator.post(page(CloudAccount, "change", account.pk), wanted)
        account.refresh_from_db()
        assert (account.account_id, account.name) == ("111111111111", "prod")
        assert (account.cost_source, account.enabled) == ("files", False)

    def test_show_the_price_of_the_next_collection(self, administrator):
        account = builders.account()
        unknown = administrator.get(page(CloudAccount, "change", account.pk)).content.decode()
        assert "unknown until the inventory has been collected" in unknown
        builders.instance(account, state="terminated")
        assert "$0.01" in administrator.get(page(CloudAccount, "change", account.pk)).content.decode()


class TestStaffWithoutTheRole:
    @pytest.fixture
    def staff(self):
        person = builders.user(is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        return logged_in(person)

    @pytest.mark.parametrize(("model", "action"), [(CloudAccount, "sync_all"), (Run, "start_again")])
    def test_cannot_start_anything(self, staff, model, action):
        rows = estate()
        before = Run.objects.count()
        assert action not in staff.get(page(model)).content.decode()
        staff.post(page(model), {"action": action, "_selected_action": [rows[model].pk]})
        assert Run.objects.count() == before


def test_a_visitor_is_asked_to_log_in():
    assert Client().get(page(Run))["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("path", ["/admin", "/admin/"])
def test_the_front_page_is_there(administrator, path):
    shown = administrator.get(path)
    assert shown.status_code == 200
    assert "CloudIntel" in shown.content.decode()
