"""How patient the tests are with a machine that does other things as well."""

from hypothesis import HealthCheck, settings

if settings.get_current_profile_name() == "default":  # not that of CI, nor that of the mutants
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")
