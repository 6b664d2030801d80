"""The migrated schema is the one the models describe, on both databases."""

from qa import migrations
from qa.db import Database


def test_models_equal_migrated_schema(database_url: str) -> None:
    db = Database(database_url)
    migrations.check(db)
    assert migrations.current(db) == migrations.newest()
    db.close()


def test_upgrade_twice_changes_nothing(database_url: str) -> None:
    db = Database(database_url)
    migrations.upgrade(db)
    migrations.check(db)
    db.close()
