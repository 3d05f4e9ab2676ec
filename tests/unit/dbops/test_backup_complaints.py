"""What PostgreSQL's programs complain of: of a dump, or of what was in the way."""

import pytest

from dbops.backups import attending
from dbops.backups.errors import BackupError, CutShortError, NotMadeError

TERMINATED = "FATAL:  terminating connection due to administrator command"


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        (f"pg_restore: error: could not execute query: {TERMINATED}", NotMadeError),
        (
            f"pg_dump: error: Dumping failed\npg_dump: detail: Error message from server: {TERMINATED}",
            NotMadeError,
        ),
        (
            "pg_dump: error: query failed: server closed the connection unexpectedly\n\tThis ends",
            NotMadeError,
        ),
        ("pg_dump: error: query failed: ERROR:  canceling statement due to user request", CutShortError),
        ("pg_dump: error: query failed: ERROR:  permission denied for table costs", BackupError),
        (f'pg_restore: error: COPY failed: ERROR:  invalid input: "{TERMINATED}"', BackupError),
        (f"pg_restore: error: COPY failed: ERROR:  invalid input\nCONTEXT:  {TERMINATED}", BackupError),
    ],
)
def test_only_what_the_server_says_itself_excuses_a_program(complaint, kind):
    with pytest.raises(kind):
        attending.run(
            ["/bin/sh", "-c", 'printf %s "$SAID" >&2; exit 1'],
            env={"SAID": complaint},
            beat=attending.nothing,
        )
