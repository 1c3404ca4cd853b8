"""Hypothesis without deadlines: the machines that run this are shared, and a slow moment is no fault."""

from hypothesis import HealthCheck, settings

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
