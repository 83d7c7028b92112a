"""What Python calls a datetime -> one that has a zone."""

from datetime import datetime


def aware(moment: datetime) -> datetime:
    """Without a zone it is local time, as Python means it.

    A subclass becomes a plain one: pandas' Timestamp, for one, has an astimezone of its own kind.
    """
    plain = datetime.combine(moment.date(), moment.timetz())
    return plain.astimezone() if plain.tzinfo is None else plain
