"""The policy a process was started with."""

from ..settings import Settings
from .models import Model
from .plan import Policy


def policy_of(settings: Settings, model: Model) -> Policy:
    """The settings as a policy for memories that this model reads."""
    return Policy(
        compress_days=settings.compress_days,
        archive_days=settings.archive_days,
        archive_days_high=settings.archive_days_high,
        delete_days=settings.delete_days,
        characters=settings.compress_characters,
        most=settings.max_compressed_items,
        keep=settings.keep_recent,
        trigger=model.trigger,
        target=model.target,
        context=model.context,
        half_life=settings.half_life_days,
        boost=settings.access_boost,
    )


def allowance(settings: Settings, items: int, changed: int) -> int:
    """How many more items may change today without a person.

    Args:
        items: how many the scope holds.
        changed: how many have changed in the last day.
    """
    most = max(settings.daily_changes, int(settings.daily_share * items))
    return max(0, most - changed)
