"""/autoscaler/."""

from datetime import timedelta

import pytest
from django.utils import timezone

from scaling.models import KillSwitch, ManagedInstance, ManagedSample, Mode, ScalingEvent, Source
from scaling.services import killswitch
from tests import builders
from tests.integration.dashboard.conftest import logged_in
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/autoscaler/"
MOCK = {"instance_id": "mock-1", "instance_type": "t2.micro", "region": "mock", "is_mock": "true"}


@pytest.fixture
def owner():
    """Somebody who registered and has no role."""
    return builders.user()


@pytest.fixture
def browser(owner):
    return logged_in(owner)


@pytest.fixture
def mock(owner):
    return builders.managed(owner, instance_id="mock-1")


def listed(browser):
    return rows(browser.get(PAGE), "Managed instances")


def post(browser, action, **sent):
    return browser.post(f"{PAGE}{action}/", sent, follow=True)


# --- The list --------------------------------------------------------------------------------
def test_ones_own_are_listed_with_their_latest_decisions(browser, mock):
    builders.managed()
    builders.decision(mock, reason="An old one")
    builders.decision(mock, timezone.now(), reason="The latest")
    (row,) = listed(browser)
    assert row[0].startswith("mock-1")
    assert row[1:4] == ["mock", "monitored", "1100 %"]
    assert row[4].startswith("scale up")
    assert "The latest" in row[4]


def test_the_list_follows_by_itself(browser, mock, part):
    answer = part(browser, PAGE, "instances")
    assert "mock-1" in answer.content.decode()
    assert "<h1" not in answer.content.decode()


def test_without_instances_there_is_nothing_to_simulate(browser):
    answer = browser.get(PAGE)
    assert "You have registered no instances." in texts(answer, "empty")[0]
    assert not parsed(answer).xpath("//form[@action='/autoscaler/simulate/']")


@pytest.mark.parametrize("number", [1, 20])
def test_the_number_of_queries_does_not_depend_on_the_instances(
    owner, browser, number, django_assert_max_num_queries
):
    for _ in range(number):
        builders.decision(builders.managed(owner))
    with django_assert_max_num_queries(9):
        assert browser.get(PAGE).status_code == 200


# --- Registering -----------------------------------------------------------------------------
def test_a_mock_is_registered_by_anybody(browser, owner):
    answer = post(browser, "register", **MOCK)
    assert notes(answer) == [
        "mock-1 is registered; start its monitoring to have it measured and decided about."
    ]
    instance = ManagedInstance.objects.get()
    assert (instance.owner, instance.is_mock, instance.is_monitoring) == (owner, True, False)
    assert instance.policy.mode == Mode.MOCK


def test_an_instance_of_ec2_is_registered(browser):
    post(browser, "register", instance_id="i-0123456789abcdef0", instance_type="t3.micro",
         region="eu-west-1", is_mock="false")  # fmt: skip
    instance = ManagedInstance.objects.get()
    assert (instance.is_mock, instance.policy.mode) == (False, Mode.RECOMMEND)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"instance_id": ""}, "instance_id, instance_type, and region are required"),
        ({"is_mock": "false"}, "An EC2 id is i- and 8 or 17 digits"),
        ({"instance_id": "a b"}, "A mock's id has 1 to 64 letters"),
        ({"is_mock": "perhaps"}, "Must be a valid boolean."),
    ],
)
def test_what_the_api_refuses_is_refused_here_and_kept_in_the_form(browser, changed, told):
    answer = post(browser, "register", **MOCK | changed)
    assert told in notes(answer)[0]
    assert not ManagedInstance.objects.exists()
    (kept,) = parsed(answer).xpath("//*[@id='register']//input[@name='instance_type']/@value")
    assert kept == "t2.micro"


def test_an_id_belongs_to_whoever_registered_it_first(browser):
    builders.managed(instance_id="mock-1")
    assert notes(post(browser, "register", **MOCK)) == ["Instance already registered"]


# --- Starting, stopping, deregistering -------------------------------------------------------
def test_monitoring_is_stopped_and_started(browser, mock):
    assert notes(post(browser, "mock-1/stop")) == ["mock-1 is not monitored any more."]
    assert listed(browser)[0][2] == "stopped"
    assert notes(post(browser, "mock-1/start")) == ["mock-1 is monitored from now on."]
    assert listed(browser)[0][2] == "monitored"


def test_what_is_monitored_cannot_be_started(browser, mock):
    assert notes(post(browser, "mock-1/start")) == ["Monitoring is already active for this instance"]


def test_an_instance_is_deregistered(browser, mock):
    (address,) = parsed(browser.get(PAGE)).xpath("//details[contains(@class, 'confirm')]//form/@action")
    answer = browser.post(address, follow=True)
    assert notes(answer) == ["mock-1 is forgotten; what it is at AWS stays as it is."]
    assert not ManagedInstance.objects.exists()


@pytest.mark.parametrize("action", ["start", "stop", "deregister", "policy"])
def test_nobody_acts_on_what_is_somebody_elses(operator, mock, action):
    assert notes(post(operator, f"mock-1/{action}")) == ["Unauthorized: You don't own this instance"]
    mock.refresh_from_db()
    assert mock.is_monitoring


# --- Simulating ------------------------------------------------------------------------------
def test_a_load_is_simulated(browser, mock):
    answer = post(
        browser, "simulate", instance_id="mock-1", cpu_utilization="95", duration_minutes="10",
        interval_seconds="30", memory_usage=""
    )  # fmt: skip
    assert notes(answer) == ["mock-1 has 20 simulated samples with 95 % CPU."]
    stored = ManagedSample.objects.all()
    assert {(each.cpu, each.memory, each.source) for each in stored} == {(95.0, None, Source.SIMULATED)}


def test_what_was_simulated_is_told_without_the_page(browser, mock):
    sent = {"instance_id": "mock-1", "cpu_utilization": "95.5"}
    answer = browser.post(f"{PAGE}simulate/", sent, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert notes(answer) == ["mock-1 has a simulated sample with 95.5 % CPU."]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, "instance_id and cpu_utilization are required"),
        ({"cpu_utilization": "101"}, "less than or equal to 100"),
        ({"cpu_utilization": "hot"}, "A valid number is required."),
        ({"cpu_utilization": "95", "duration_minutes": "1.5"}, "A valid integer is required."),
        ({"cpu_utilization": "95", "interval_seconds": "30"}, "This needs duration_minutes beside it."),
    ],
)
def test_a_load_that_cannot_be_is_refused(browser, mock, sent, told):
    answer = post(browser, "simulate", instance_id="mock-1", **sent)
    assert told in notes(answer)[0]
    assert not ManagedSample.objects.exists()


# --- Policies --------------------------------------------------------------------------------
def shown_policy(answer):
    """The policy's form as a browser would send it."""
    (form,) = parsed(answer).xpath("//*[@id='policy']//form")
    return dict(form.form_values())


def test_a_policy_is_shown_and_changed(browser, mock):
    sent = shown_policy(browser.get(PAGE, {"instance": "mock-1"}))
    assert (sent["cpu_high"], sent["mode"], sent["allow_restart"]) == ("90.0", "mock", "false")
    answer = browser.post(
        f"{PAGE}mock-1/policy/", sent | {"cpu_high": "75", "mode": "recommend"}, follow=True
    )
    assert notes(answer) == ["The policy of mock-1 is version 2 now."]
    mock.policy.refresh_from_db()
    assert (mock.policy.cpu_high, mock.policy.mode, mock.policy.cpu_low) == (75.0, "recommend", 10.0)
    changes = ScalingEvent.objects.get(kind="policy-changed").detail["changes"]
    assert set(changes) == {"cpu_high", "mode"}


def test_a_policy_is_offered_in_words(browser, mock):
    found = parsed(browser.get(PAGE, {"instance": "mock-1"}))
    offered = {
        name: found.xpath(f"//*[@id='policy']//select[@name='{name}']/option/text()")
        for name in ("kind", "prediction", "source_period_s")
    }
    assert offered["kind"][0] == "three tier: the rules alone"
    assert offered["prediction"][0] == "forecast only: recorded beside what the rules do"
    assert offered["source_period_s"][:2] == ["not set", "10"]


def test_a_policy_that_is_sent_as_it_is_stays_what_it_was(browser, mock):
    sent = shown_policy(browser.get(PAGE, {"instance": "mock-1"}))
    answer = browser.post(f"{PAGE}mock-1/policy/", sent, follow=True)
    assert notes(answer) == ["The policy of mock-1 is as it was: nothing in it was changed."]


def test_a_source_period_is_chosen_and_left_open_again(owner, browser, mock):
    for chosen, stored in (("60", 60), ("", None)):
        sent = shown_policy(browser.get(PAGE, {"instance": "mock-1"})) | {"source_period_s": chosen}
        browser.post(f"{PAGE}mock-1/policy/", sent)
        mock.policy.refresh_from_db()
        assert mock.policy.source_period_s == stored


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"cpu_high": "101"}, "less than or equal to 100"),
        ({"cpu_low": "95"}, "This must not be greater than cpu_high."),
        ({"min_span_s": "300"}, "This must be less than window_s"),
        ({"mode": "asg"}, "A mock instance can have mock or recommend, not asg."),
        ({"maintenance_window": "some day"}, "maintenance_window"),
        ({"cooldown_up_s": "1.5"}, "A valid integer is required."),
    ],
)
def test_a_policy_that_cannot_be_is_refused_and_kept_in_the_form(browser, mock, changed, told):
    sent = shown_policy(browser.get(PAGE, {"instance": "mock-1"})) | changed
    answer = browser.post(f"{PAGE}mock-1/policy/", sent, follow=True)
    assert told in notes(answer)[0]
    mock.policy.refresh_from_db()
    assert mock.policy.version == 1
    if "mode" not in changed:
        assert shown_policy(answer).items() >= changed.items()


def test_somebody_elses_policy_is_not_shown(browser):
    builders.managed(instance_id="mock-2")
    assert browser.get(PAGE, {"instance": "mock-2"}).status_code == 403
    assert browser.get(PAGE, {"instance": "mock-3"}).status_code == 404


# --- The kill switch -------------------------------------------------------------------------
def test_an_operator_stops_all_scaling_and_lets_it_go_on(operator):
    assert notes(post(operator, "kill-switch", engaged="true", reason="a test")) == [
        "Nothing is scaled from now on."
    ]
    assert (killswitch.current().engaged, killswitch.current().reason) == (True, "a test")
    assert notes(post(operator, "kill-switch", engaged="false")) == ["Scaling goes on."]
    assert not killswitch.current().engaged


def test_the_switch_wants_to_know_what_to_do(operator):
    assert notes(post(operator, "kill-switch")) == ["engaged is required"]


def test_viewers_see_the_switch_and_others_do_not(viewer, browser):
    assert "Scaling goes on" in viewer.get(PAGE).content.decode()
    assert not parsed(viewer.get(PAGE)).xpath("//form[contains(@action, 'kill-switch')]")
    assert viewer.post(f"{PAGE}kill-switch/", {"engaged": "true"}).status_code == 403
    assert "Kill switch" not in browser.get(PAGE).content.decode()
    assert not KillSwitch.objects.exists()


# --- Replays ---------------------------------------------------------------------------------
@pytest.fixture
def busy(operator_user):
    """A mock that was busy for the last one of three hours."""
    of = builders.managed(operator_user, instance_id="mock-9")
    now = timezone.now().replace(second=0, microsecond=0)
    for minutes in range(180):
        at = now - timedelta(minutes=minutes)
        builders.managed_sample(of, at, cpu=97.0 if minutes < 60 else 40.0)
    return of


@pytest.fixture
def operator_user():
    return builders.user("operator")


def replayed(person, **asked):
    return logged_in(person).get(f"{PAGE}mock-9/replay/", asked)


def test_a_policy_is_replayed_on_what_was_measured(busy, operator_user):
    answer = replayed(operator_user, policy="three_tier", days="1", cooldown_up_s="60")
    assert answer.status_code == 200
    came = {row[0]: row[1:] for row in rows(answer, "What would have come of it")}
    assert came["Changes"][1] == "0"
    assert int(came["Changes"][0]) > 0
    assert float(came["Instance-hours"][0]) > float(came["Instance-hours"][1])
    assert len(rows(answer, "Changes")) == int(came["Changes"][0])
    assert "instances" in answer.content.decode()


def test_the_form_shows_what_was_asked(busy, operator_user):
    found = parsed(replayed(operator_user, policy="hpa", target="70"))
    assert found.xpath("//select[@name='policy']/option[@selected]/@value") == ["hpa"]
    assert found.xpath("//input[@name='target']/@value") == ["70"]


def test_a_time_that_nothing_is_known_of_says_why(operator_user):
    builders.managed(operator_user, instance_id="mock-9")
    answer = replayed(operator_user)
    assert answer.status_code == 200
    assert "Nothing can be said of this time." in texts(answer, "empty")[0]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"days": "99"}, "less than or equal to 14"),
        ({"policy": "hpa", "cpu_high": "50"}, "The policy hpa does not have this"),
        ({"policy": "three_tier", "cpu_low": "95"}, "must not be greater than cpu_high"),
        ({"policy": "odd"}, "is not a valid choice"),
    ],
)
def test_a_replay_that_cannot_be_is_told(busy, operator_user, asked, told):
    answer = replayed(operator_user, **asked)
    assert answer.status_code == 400
    assert told in notes(answer)[0]


def test_the_policy_that_is_shown_can_be_replayed(busy, operator_user):
    found = parsed(logged_in(operator_user).get(PAGE, {"instance": "mock-9"}))
    (form,) = found.xpath("//*[@id='replay']//form")
    assert form.get("action") == f"{PAGE}mock-9/replay/"
    assert dict(form.form_values())["policy"] == "three_tier"
