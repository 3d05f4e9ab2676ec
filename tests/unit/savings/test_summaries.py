"""What is stored of days, summed up, against the samples themselves."""

from decimal import Decimal

import numpy as np
import pytest

from analytics.savings import summaries
from analytics.savings.summaries import SAMPLES_A_DAY, Day, Peak, Samples, percentile
from analytics.savings.usage import measured
from collectors.samples.histogram import Bytes, Percent

RANDOM = np.random.default_rng(7)
DAYS = 14


def in_percents(values):
    """Samples as the hours and days store them."""
    buckets = np.clip(np.floor(values), 0, 99).astype(int)
    whole = sum(10 ** (8 * int(bucket)) for bucket in buckets)
    return Samples(len(values), float(values.sum()), float(values.max()), Decimal(whole))


def in_bytes(values):
    buckets = np.ceil(np.log(np.maximum(1, values)) * Bytes._PER_OCTAVE / np.log(2)).astype(int)
    whole = sum(10 ** (8 * int(bucket)) for bucket in buckets)
    return Samples(len(values), float(values.sum()), float(values.max()), Decimal(whole))


def test_histograms_of_days_tell_what_their_samples_do_within_half_a_point():
    cpu = RANDOM.gamma(2, 8, (DAYS, SAMPLES_A_DAY)).clip(0, 99)
    told = summaries.usage([Day(cpu=in_percents(day)) for day in cpu])
    times = np.arange(DAYS * SAMPLES_A_DAY) * 300
    exact = measured(times, cpu.ravel(), start_s=0, days=DAYS, period_s=300)
    assert told.cpu.p99 == pytest.approx(exact.cpu.p99, abs=0.5)
    assert told.cpu.daily_p99 == pytest.approx(exact.cpu.daily_p99, abs=0.5)
    assert told.cpu.daily_mean == pytest.approx(exact.cpu.daily_mean)
    assert (told.coverage, told.notes) == (1.0, ())


def test_a_day_without_samples_is_taken_for_as_busy_as_its_peak():
    quiet = in_percents(np.full(SAMPLES_A_DAY, 3.2))
    told = summaries.usage([Day(cpu=quiet)] * 13 + [Day(peak=Peak(4.0, 80.0, 1.0))])
    # One day of fourteen is more than one sample of a hundred.
    assert told.cpu.p99 == 80.0
    assert told.cpu.daily_p99[-2:] == pytest.approx([3.2, 80.0])
    assert "1 days" in told.notes[0]


def test_samples_count_for_more_than_the_figure_of_the_same_day():
    told = summaries.usage([Day(cpu=in_percents(np.full(288, 3.2)), peak=Peak(3.2, 80.0, 1.0))] * DAYS)
    assert told.cpu.p99 == pytest.approx(3.2)


@pytest.mark.parametrize(
    "day",
    [Day(), Day(cpu=in_percents(np.full(143, 3.0))), Day(peak=Peak(1.0, 2.0, 0.49))],
    ids=["nothing", "143 of 288 samples", "49 % of its hours"],
)
def test_less_than_half_of_a_day_is_not_known(day):
    assert summaries.usage([day]) is None


def test_what_is_not_known_is_not_covered():
    whole = Day(cpu=in_percents(np.full(288, 3.0)))
    told = summaries.usage([whole] * 7 + [Day()] * 7)
    assert told.coverage == 0.5
    assert told.cpu.days == 7
    assert np.isnan(told.cpu.daily_p99[7:]).all()


def test_both_directions_of_the_network_are_at_least_their_sum():
    incoming = RANDOM.gamma(1, 4e6, (DAYS, SAMPLES_A_DAY))
    outgoing = RANDOM.gamma(1, 8e6, (DAYS, SAMPLES_A_DAY))
    days = [
        Day(cpu=in_percents(np.full(288, 3.0)), network_in=in_bytes(one), network_out=in_bytes(other))
        for one, other in zip(incoming, outgoing, strict=True)
    ]
    told = summaries.usage(days).network
    megabits = (incoming + outgoing) * 8 / 300 / 1e6
    exact = np.quantile(megabits, 0.99, method="inverted_cdf")
    # A bucket's middle is within 9.1 % of the sample that it stands for.
    assert exact / 1.091 <= told.p99 <= 2 * exact
    assert told.daily_mean == pytest.approx(megabits.mean(axis=1))


def test_a_network_of_which_one_direction_is_unknown_is_unknown():
    day = Day(cpu=in_percents(np.full(288, 3.0)), network_in=in_bytes(np.full(288, 1e6)))
    assert summaries.usage([day] * DAYS).network is None


def test_memory_is_known_where_it_is_measured():
    cpu, memory = in_percents(np.full(288, 3.0)), in_percents(np.full(288, 42.3))
    told = summaries.usage([Day(cpu=cpu, memory=memory)] * 7 + [Day(cpu=cpu)] * 7)
    assert (told.memory.days, told.memory.p99) == (7, pytest.approx(42.3))


@pytest.mark.parametrize(
    ("counts", "value"), [((98, 1, 1), 2.0), ((99, 0, 1), 1.0), ((100, 0, 0), 1.0), ((1, 1, 1), 3.0)]
)
def test_a_percentile_is_that_of_its_rank(counts, value):
    assert percentile((np.array([1.0, 2.0, 3.0]), np.array(counts, float)), 0.99) == value


def test_a_histogram_is_read_as_it_was_written():
    # Two samples below 1 %, none up to 41 %, five of 42 %.
    values, counts = Samples(7, 0.0, 100.0, Decimal(5 * 10**336 + 2)).weighted(Percent())
    assert (list(values), list(counts)) == ([0.5, 42.5], [2, 5])
