import pytest

import tests.__main__ as suite

PASSED, FAILED, NONE = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("parts", "systems", "all_in_all"),
    [
        (PASSED, PASSED, PASSED),
        (FAILED, PASSED, FAILED),
        (PASSED, FAILED, FAILED),
        (FAILED, NONE, FAILED),
        (PASSED, NONE, PASSED),
        (NONE, NONE, NONE),
    ],
)
def test_the_suite_fails_if_either_half_does_and_finds_nothing_only_if_both_do(
    parts, systems, all_in_all, monkeypatch
):
    codes = {"not alone": parts, "alone": systems}
    monkeypatch.setattr(suite, "run_pytest", lambda markers, *_: codes[markers])
    assert suite.main([]) == all_in_all


def test_processes_do_not_share_a_valkey_that_was_named(monkeypatch):
    given = []
    monkeypatch.setattr(suite, "run_pytest", lambda _markers, *arguments: given.append(arguments) or PASSED)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379/0")
    suite.main(["-k", "ledger"])
    assert given == [("-k", "ledger")] * 2
