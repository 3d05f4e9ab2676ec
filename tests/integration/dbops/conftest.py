import pytest

from tests.integration.dbops import looking


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
