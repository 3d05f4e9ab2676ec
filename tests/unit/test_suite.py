from pathlib import Path

import pytest

import tests.__main__ as suite

PASSED, FAILED, NONE = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("codes", "all_in_all"),
    [
        ((PASSED, PASSED, PASSED), PASSED),
        ((FAILED, PASSED, PASSED), FAILED),
        ((PASSED, FAILED, PASSED), FAILED),
        ((PASSED, PASSED, FAILED), FAILED),
        ((FAILED, NONE, NONE), FAILED),
        ((PASSED, NONE, NONE), PASSED),
        ((NONE, NONE, NONE), NONE),
    ],
)
def test_the_suite_fails_if_any_part_does_and_finds_nothing_only_if_all_do(codes, all_in_all, monkeypatch):
    left = list(codes)
    monkeypatch.setattr(suite, "run_pytest", lambda *_: left.pop(0))
    assert suite.main([]) == all_in_all
    assert not left, "all are run"


def test_processes_do_not_share_a_valkey_that_was_named(monkeypatch):
    given = []
    monkeypatch.setattr(suite, "run_pytest", lambda *arguments: given.append(arguments) or PASSED)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379/0")
    suite.main(["-k", "ledger"])
    assert len(given) == 3
    assert all("-n" not in arguments and arguments[-2:] == ("-k", "ledger") for arguments in given)


def test_each_test_is_in_one_part_of_the_suite(monkeypatch):
    """What the parts leave out are the folders that the others look into."""
    given = []
    monkeypatch.setattr(suite, "run_pytest", lambda *arguments: given.append(arguments) or PASSED)
    suite.main([])
    left_out = [{each for each in arguments if each.startswith("--ignore=")} for arguments in given]
    folders = {f"--ignore={path.parent}" for path in Path("tests").glob("*/__init__.py")}
    assert left_out[0] | left_out[1] == folders
    assert not left_out[0] & left_out[1]
    assert left_out[1] == left_out[2]
    marks = [arguments[arguments.index("-m") + 1] for arguments in given]
    assert marks == ["not whole and not alone", "whole", "alone"]
