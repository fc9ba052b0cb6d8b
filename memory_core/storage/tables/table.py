"""What all tables have in common."""

from ..database import Database


class Table:
    """A part of `SqliteStore`: some tables of its database, and the notes about the store.

    What its methods promise stands in the part of `contract` with the same name.
    """

    db: Database

    def meta(self, key: str) -> str | None:
        value = self.db.value("select value from meta where key = ?", (key,))
        return None if value is None else str(value)

    def set_meta(self, key: str, value: str) -> None:
        self.db.execute("insert or replace into meta values(?, ?)", (key, value))
