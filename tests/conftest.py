"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# A slow machine is no defect: how long an example takes is not what these tests are about.
settings.register_profile("oakum", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("oakum")
