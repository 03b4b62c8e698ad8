"""Every place where Oakum reads what others wrote: one target each."""

from tests.fuzz import of_feeds, of_hosts, of_reports, of_settings
from tests.fuzz.target import Target

TARGETS: tuple[Target, ...] = (
    *of_feeds.TARGETS,
    *of_reports.TARGETS,
    *of_hosts.TARGETS,
    *of_settings.TARGETS,
)
BY_NAME = {target.name: target for target in TARGETS}
