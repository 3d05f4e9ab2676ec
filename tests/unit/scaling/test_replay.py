"""A recorded series through rules and guard: a sample every five minutes, so windows of five."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from scaling.replay import replay
from tests.unit.scaling.series import policy

NINE = datetime(2014, 4, 10, 9, tzinfo=UTC)


def recorded(*cpu):
    return {NINE + number * timedelta(minutes=5): value for number, value in enumerate(cpu)}


def levels(cpu, **fields):
    return [step.level_after for step in replay(recorded(*cpu), policy(**fields))]


def test_a_level_follows_a_sustained_load_up_and_down():
    """Three samples are too few. The fourth and fifth scale up, and the sixth: four of its five are hot.

    The next two windows are neither; from the fourth idle sample on, four of five are idle.
    """
    assert levels([95.0] * 5 + [5.0] * 5) == [1, 1, 1, 2, 3, 4, 4, 4, 3, 2]


def test_the_clock_is_that_of_the_samples_arrivals():
    """A sample of 09:15 covers the five minutes until 09:20."""
    last = list(replay(recorded(*[95.0] * 4), policy()))[-1]
    assert last.at == NINE + timedelta(minutes=20)
    assert last.reason == "Sustained scale up: CPU > 90% for 100.0% of last 25 minutes (Current: 95.00%)"


def test_what_the_guard_vetoes_is_told_and_changes_nothing():
    last = list(replay(recorded(*[5.0] * 4), policy()))[-1]
    assert (last.wish, last.vetoes, last.level_after) == (-1, ("min_level",), 1)


def test_cooldowns_hold():
    assert levels([95.0] * 10, cooldown_up_s=601) == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]


def test_a_spike_is_flagged_as_it_arrives_and_is_no_base_for_the_next():
    """Both spikes are above the fences of the flat samples; a base with the first in it would be too wide."""
    steps = list(replay(recorded(*[50.0] * 5, 80.0, 80.0), policy(window_s=3600)))
    assert [step.reason for step in steps[-2:]] == [
        "IQR scale up: CPU 80.00% above 60.50%; votes 2 up, 0 down",
        "IQR scale up: CPU 80.00% above 60.50%; votes 2 up, 0 down",
    ]


def test_a_flat_series_does_nothing():
    assert set(levels([50.0] * 20)) == {1}


# --- The command -----------------------------------------------------------------------------
def csv(folder, name, cpu):
    rows = [f"{moment:%Y-%m-%d %H:%M:%S},{value}" for moment, value in recorded(*cpu).items()]
    (folder / name).write_text("\n".join(["timestamp,value", *rows]))
    return folder / name


def test_the_command_prints_a_row_a_series_and_its_decisions(tmp_path, capsys):
    csv(tmp_path, "ec2_cpu_utilization_a.csv", [95.0] * 5 + [50.0])
    csv(tmp_path, "ec2_network_in.csv", [1e6] * 9)
    call_command("replay_policy", csv(tmp_path, "idle.csv", [5.0] * 6), traces=tmp_path)
    printed = capsys.readouterr().out
    assert "| idle | 6 | 0.0 | 0.0% | 100.0% | 0 | 0 | 0 | 3 down min_level |" in printed
    assert "| ec2_cpu_utilization_a | 6 | 0.0 | 83.3% | 0.0% |" in printed
    assert "| 2014-04-10 09:20 | 95.00% | 1 to 2 | Sustained scale up: CPU > 90% for 100.0%" in printed
    assert "network" not in printed


def test_the_command_can_leave_out_the_decisions(tmp_path, capsys):
    call_command("replay_policy", csv(tmp_path, "hot.csv", [95.0] * 6), summary=True)
    assert "Sustained" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time,cpu\n1,2", "is no CSV of timestamp and value"),
        ("timestamp,value\nyesterday,2", "is no CSV of timestamp and value"),
        ("timestamp,value\n2014-04-10 09:00:00,high", "is no CSV of timestamp and value"),
        ("timestamp,value\n2014-04-10 09:00:00,1", "fewer than two points"),
    ],
)
def test_the_command_says_which_file_is_unusable(tmp_path, text, complaint):
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(CommandError, match=f"odd.csv .*{complaint}"):
        call_command("replay_policy", tmp_path / "odd.csv")


def test_the_command_needs_something_to_replay(tmp_path):
    with pytest.raises(CommandError, match="nothing to replay"):
        call_command("replay_policy", traces=tmp_path)
