"""The next size of an instance, and what a look at it calls for while it is resized: pure rules."""

from datetime import UTC, datetime, timedelta

import pytest

from collectors.aws.instance_types import InstanceFacts
from scaling.actuators.actuator import IN_FLIGHT, PATIENCE, Aim, Ask, NotCarriedOutError, Settled, Wait
from scaling.actuators.resize import Call, judged, next_size
from scaling.aws import Machine
from scaling.models import Outcome

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)


def size(name, vcpus, memory_mib, **other):
    fields = {"architectures": ("x86_64",), "virtualizations": ("hvm",), **other}
    return InstanceFacts(name=name, vcpus=vcpus, memory_mib=memory_mib, **fields)


T3 = [
    size("t3.xlarge", 4, 16384),
    size("t3.micro", 2, 1024),
    size("t3.large", 2, 8192),
    size("t3.small", 2, 2048),
    size("t3.medium", 2, 4096),
]


def machine(instance_type="t3.medium", state="running", architecture="x86_64"):
    return Machine("i-1", instance_type, state, architecture, "hvm", "ebs")


@pytest.mark.parametrize(
    ("present", "up", "wanted"),
    [
        ("t3.medium", True, "t3.large"),
        ("t3.large", True, "t3.xlarge"),
        ("t3.large", False, "t3.medium"),
        ("t3.small", False, "t3.micro"),
    ],
)
def test_sizes_follow_each_other_by_vcpus_and_memory(present, up, wanted):
    assert next_size(present, T3, machine(present), up=up).name == wanted


@pytest.mark.parametrize(
    ("present", "up", "told"), [("t3.xlarge", True, "largest"), ("t3.micro", False, "smallest")]
)
def test_a_family_ends(present, up, told):
    with pytest.raises(NotCarriedOutError, match=told):
        next_size(present, T3, machine(present), up=up)


@pytest.mark.parametrize(
    "unfit",
    [
        {"architectures": ("arm64",)},
        {"virtualizations": ("paravirtual",)},
        {"bare_metal": True},
        {"instance_store": True},
    ],
)
def test_sizes_that_the_instance_cannot_become_are_passed_over(unfit):
    family = [size("m5.large", 2, 8192), size("m5.next", 4, 16384, **unfit), size("m5.last", 8, 32768)]
    assert next_size("m5.large", family, machine("m5.large"), up=True).name == "m5.last"


def test_an_instance_store_would_be_lost():
    family = [size("m5d.large", 2, 8192, instance_store=True), size("m5d.xlarge", 4, 16384)]
    with pytest.raises(NotCarriedOutError, match="whose data a stop would lose"):
        next_size("m5d.large", family, machine("m5d.large"), up=True)


def test_a_size_that_is_not_offered_has_no_next_one():
    with pytest.raises(NotCarriedOutError, match=r"does not offer t1\.micro"):
        next_size("t1.micro", T3, machine("t1.micro"), up=True)


# --- The state machine -----------------------------------------------------------------------
def aim(call, *, answered=True, asked_ago=timedelta(0), began_ago=timedelta(0), trouble=""):
    return Aim(call, "t3.medium", "t3.large", NOW - began_ago, NOW - asked_ago, answered, trouble)


def outcome(verdict):
    return verdict.outcome if isinstance(verdict, Settled) else verdict


@pytest.mark.parametrize(
    ("call", "state", "instance_type", "following"),
    [
        (Call.STOP, "stopped", "t3.medium", Call.CHANGE),
        (Call.CHANGE, "stopped", "t3.large", Call.START),
        (Call.START, "stopped", "t3.large", Call.REVERT),
        (Call.REVERT, "stopped", "t3.medium", Call.RESTART),
        (Call.RESTART, "stopped", "t3.medium", Call.RESTART),
    ],
)
def test_one_call_follows_the_other_when_it_was_answered(call, state, instance_type, following):
    assert judged(aim(call), machine(instance_type, state), NOW).call == following


@pytest.mark.parametrize(
    ("call", "instance_type", "following"),
    [
        (Call.STOP, "t3.medium", Call.RESTART),
        (Call.CHANGE, "t3.medium", Call.RESTART),
        (Call.CHANGE, "t3.large", Call.START),
        (Call.START, "t3.large", Call.START),
        (Call.REVERT, "t3.large", Call.REVERT),
        (Call.REVERT, "t3.medium", Call.RESTART),
        (Call.RESTART, "t3.medium", Call.RESTART),
    ],
)
def test_an_instance_found_stopped_in_the_middle_is_brought_to_a_running_state(
    call, instance_type, following
):
    lost = aim(call, answered=False, asked_ago=IN_FLIGHT)
    assert judged(lost, machine(instance_type, "stopped"), NOW).call == following


def test_a_start_without_an_answer_is_waited_for_before_it_is_asked_again():
    unanswered = aim(Call.START, answered=False)
    assert isinstance(judged(unanswered, machine("t3.large", "stopped"), NOW), Wait)


@pytest.mark.parametrize("call", list(Call))
@pytest.mark.parametrize("state", ["pending", "stopping"])
def test_waits_while_the_instance_is_on_the_way(call, state):
    assert isinstance(judged(aim(call), machine("t3.large", state), NOW), Wait)


def test_a_running_instance_of_the_new_type_was_resized():
    assert outcome(judged(aim(Call.START), machine("t3.large"), NOW)) == Outcome.APPLIED


def test_a_running_instance_of_the_old_type_was_not_and_the_trouble_is_told():
    verdict = judged(aim(Call.RESTART, trouble="no capacity."), machine(), NOW)
    assert (verdict.outcome, "no capacity." in verdict.detail) == (Outcome.FAILED, True)


def test_a_stop_without_an_answer_may_still_happen_for_a_while():
    unanswered = aim(Call.STOP, answered=False)
    assert isinstance(judged(unanswered, machine(), NOW), Wait)
    verdict = judged(unanswered, machine(), NOW + IN_FLIGHT)
    assert (verdict.outcome, verdict.detail[:31]) == (Outcome.FAILED, "The worker was lost before AWS ")


@pytest.mark.parametrize(
    ("state", "instance_type"),
    [("running", "t3.nano"), ("terminated", "t3.medium"), ("shutting-down", "t3.medium")],
)
def test_what_others_did_meanwhile_makes_the_outcome_unknown(state, instance_type):
    assert outcome(judged(aim(Call.STOP), machine(instance_type, state), NOW)) == Outcome.UNKNOWN


def test_after_an_hour_a_person_has_to_look_after_it():
    late = NOW + PATIENCE + timedelta(seconds=1)
    assert outcome(judged(aim(Call.STOP), machine(state="stopping"), late)) == Outcome.UNKNOWN
    assert outcome(judged(aim(Call.RESTART), machine(state="stopped"), late)) == Outcome.UNKNOWN
    assert judged(aim(Call.STOP), machine(state="stopped"), late) == Ask(Call.CHANGE)


def test_an_aim_is_stored_and_read_again():
    stored = Aim("set", 4, 6, NOW, NOW, more={"group": "web"})
    assert Aim.of(stored.stored()) == stored
