"""Histograms in one number merge by addition and give percentiles within their stated error."""

from decimal import Decimal

import pytest

from collectors.samples.histogram import Bytes, Percent, counts, percentile


def packed(numbers):
    """What the database makes of that many samples in each bucket; Decimal would round their sum."""
    return Decimal(sum(number * 10 ** (8 * bucket) for bucket, number in numbers.items()))


def test_a_histogram_tells_its_buckets_and_how_many_samples_each_has():
    assert list(counts(packed({0: 1, 3: 2, 99: 1}))) == [(0, 1), (3, 2), (99, 1)]


def test_adding_two_histograms_merges_them():
    merged = int(packed({1: 1, 2: 1})) + int(packed({2: 1, 5: 1}))
    assert list(counts(Decimal(merged))) == [(1, 1), (2, 2), (5, 1)]


def test_a_bucket_holds_every_second_of_a_day():
    assert list(counts(packed({7: 86_400}))) == [(7, 86_400)]


@pytest.mark.parametrize(("hot", "p95"), [(5, 10.5), (6, 90.5)], ids=["5 of 100 hot", "6 of 100 hot"])
def test_p95_is_the_middle_of_the_bucket_of_the_sample_of_that_rank(hot, p95):
    assert percentile(packed({10: 100 - hot, 90: hot}), Percent(), 0.95) == p95


def test_the_bytes_of_a_bucket_are_at_most_a_tenth_from_its_middle():
    for bucket in range(1, 173):
        low, high = 2 ** ((bucket - 1) / 4), 2 ** (bucket / 4)
        middle = Bytes().middle(bucket)
        assert max(abs(middle / low - 1), abs(middle / high - 1)) < 0.091


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="empty"):
        percentile(Decimal(0), Percent(), 0.95)
