"""A number of examples -> settings of a property that needs more or fewer than others do."""

from collections.abc import Iterable

from hypothesis import HealthCheck, settings

QUICK = 50  # examples of a property; `make thorough` tries twenty times as many


def examples(quick: int, allow: Iterable[HealthCheck] = ()) -> settings:
    """`quick` of them by default, and as many times more as the profile has."""
    profile = settings()
    return settings(
        profile,
        max_examples=quick * profile.max_examples // QUICK,
        suppress_health_check=[*profile.suppress_health_check, *allow],
    )
