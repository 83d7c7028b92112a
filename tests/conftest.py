"""How many examples properties are tried with: the same few each time, or by --hypothesis-profile
thorough many new ones.
"""

from hypothesis import HealthCheck, settings

from tests.examples import QUICK

# No deadline: how long an example takes depends on what else the machine does.
settings.register_profile("quick", max_examples=QUICK, deadline=None, derandomize=True)
settings.register_profile(
    "thorough",
    max_examples=20 * QUICK,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quick")
