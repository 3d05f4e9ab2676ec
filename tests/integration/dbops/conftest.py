import pytest

from dbops.catalogue import glance
from tests.integration.dbops import looking


@pytest.fixture
def patience(monkeypatch):
    """Give a look all the time that a busy machine may need."""
    monkeypatch.setattr(glance, "LIMIT_MS", 10_000)
    monkeypatch.setattr(glance, "STATEMENT_LIMIT_MS", 10_000)


@pytest.fixture
def application():
    """A session of an application; the tables it makes are called `t_...`, and vanish with the test."""
    with looking.session() as connected:
        yield connected
        looking.run(
            connected,
            """DO $$ DECLARE name text; BEGIN
            FOR name IN SELECT oid::regclass FROM pg_class
                WHERE relname LIKE 't\\_%' AND relkind IN ('r', 'p') AND NOT relispartition
            LOOP EXECUTE 'DROP TABLE ' || name; END LOOP; END $$""",
        )
