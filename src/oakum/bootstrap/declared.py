"""What oakum.toml declares, in the terms of the core. Nothing is read before it is asked for."""

# ruff: noqa: PLC0415 (adapters are loaded when they are needed: `oakum --help` must be quick)

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError
from oakum.core.staging.check import Check, require_sense

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from oakum.core.inventory.host import Host
    from oakum.core.planning.hook import HookRule
    from oakum.core.planning.lane import Soaks
    from oakum.core.planning.metric import MetricRules
    from oakum.core.planning.openings import Freeze, HostFreeze
    from oakum.core.planning.schedule import Rules
    from oakum.ports.clock import Clock
    from oakum.settings import Configuration, Settings


class Declarations:
    """The declarations of this installation: each as a whole with sense, or an InputError."""

    def __init__(self, settings: Settings, clock: Callable[[], Clock]) -> None:
        self._home = settings.home
        self._configuration = settings.configuration
        self._clock = clock

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The declared checks. Raises InputError for one without sense."""
        checks = tuple(
            Check(
                c.name,
                c.kind,
                c.hosts,
                c.target,
                c.expect_status,
                c.expect_text,
                c.timeout_seconds,
            )
            for c in self._configuration.checks
        )
        require_sense(checks, str(self._configuration_file))
        return checks

    @cached_property
    def rules(self) -> Rules:
        """The declared maintenance windows and freezes. Raises InputError for one without sense."""
        rules = self._rules_of(self._configuration)
        rules.require_sense()
        return rules

    def require_rules_with_sense(self) -> None:
        """Raise InputError for windows or freezes without sense; without any, load nothing."""
        if self._configuration.windows or self._configuration.freezes:
            _ = self.rules

    def _rules_of(self, configuration: Configuration) -> Rules:
        from datetime import timedelta

        from oakum.core.planning.schedule import FreezeRule, Rules, WindowRule

        windows = tuple(
            WindowRule(w.name, w.hosts, w.rule, w.starts, timedelta(minutes=w.minutes), w.zone)
            for w in configuration.windows
        )
        freezes = tuple(
            FreezeRule(f.hosts, self._freeze(f.begins, f.ends, f.reason))
            for f in configuration.freezes
        )
        return Rules(windows, freezes, str(self._configuration_file))

    def _freeze(self, begins: datetime, ends: datetime, reason: str) -> Freeze:
        from oakum.core.planning.openings import Freeze

        try:
            return Freeze(begins, ends, reason)
        except InputError as error:
            place = f"{self._configuration_file}: {error.message}"
            raise InputError(place, hint=error.hint) from error

    @property
    def _configuration_file(self) -> Path:
        from oakum.settings import CONFIG_NAME

        return self._home / CONFIG_NAME

    def freezes_of(self, hosts: Sequence[Host]) -> Callable[[], tuple[HostFreeze, ...]]:
        """Return what reads the freezes of these hosts anew, each time that it is called."""
        from oakum.services.read_freezes import DeclaredFreezes
        from oakum.settings import read_configuration

        def read() -> Rules:
            return self._rules_of(read_configuration(self._configuration_file))

        return DeclaredFreezes(read, hosts, self._clock())

    @cached_property
    def metric_rules(self) -> MetricRules:
        """The declared metrics. Raises InputError for one without sense."""
        from oakum.core.planning.metric import MetricRule, MetricRules

        rollout = self._configuration.rollout
        declared = tuple(
            MetricRule(
                m.name, m.hosts, m.kind, m.target, m.worse, m.required, m.timeout_seconds, m.url
            )
            for m in self._configuration.metrics
        )
        rules = MetricRules(declared, rollout.measure_seconds, rollout.measure_before)
        rules.require_sense()
        return rules

    @cached_property
    def soaks(self) -> Soaks:
        """How long rings soak in each lane. Raises InputError for lanes without sense."""
        from oakum.core.planning.lane import PlanLane, require_sense

        lanes = self._configuration.lanes
        soaks = {
            PlanLane.NORMAL: lanes.normal,
            PlanLane.URGENT: lanes.urgent,
            PlanLane.IMMEDIATE: lanes.immediate,
        }
        require_sense(soaks, str(self._configuration_file))
        return soaks

    @cached_property
    def hooks(self) -> tuple[HookRule, ...]:
        """The declared hooks. Raises InputError for one without sense."""
        from oakum.core.planning.hook import (
            DEFAULT_MOMENT,
            DEFAULT_UNDO,
            Hook,
            HookRule,
            command_of,
            require_sense,
        )

        place = str(self._configuration_file)
        rules = tuple(
            HookRule(
                h.hosts,
                Hook(
                    name=h.name,
                    kind=h.kind,
                    moment=h.when or DEFAULT_MOMENT[h.kind],
                    place=h.where,
                    command=command_of(h.command, h.script, f"{place}: hook {h.name!r}"),
                    timeout_seconds=h.timeout_seconds,
                    must_pass=h.must_pass,
                    undo=command_of(h.undo, h.undo_script, f"{place}: the undo of {h.name!r}"),
                    undo_when=h.undo_when or DEFAULT_UNDO[h.kind],
                    hosts=(),
                ),
            )
            for h in self._configuration.hooks
        )
        require_sense(rules, place)
        return rules

    def for_nobody(self, fleet: Sequence[Host]) -> tuple[str, ...]:
        """Return, in words, what is declared for hosts of which the inventory has none.

        A misspelt label is no error, and yet a freeze for it would freeze nobody.
        """
        from oakum.core.inventory.selector import parse_selector
        from oakum.core.text import one_line

        known = self._configuration
        declared = (
            *((f"window {each.name!r}", each.hosts) for each in known.windows),
            *((f"freeze {each.reason!r}", each.hosts) for each in known.freezes),
            *((f"hook {each.name!r}", each.hosts) for each in known.hooks),
            *((f"check {check.name!r}", check.selector) for check in self.checks),
            *((f"metric {each.name!r}", each.hosts) for each in known.metrics),
        )
        return tuple(
            one_line(f"the {what} of oakum.toml is for no host: none is {selector!r}", 300)
            for what, selector in declared
            if not any(map(parse_selector(selector).matches, fleet))
        )

    def feed_limits(self) -> dict[FeedName, timedelta]:
        """Return how old each feed may be."""
        from datetime import timedelta

        settings = self._configuration.advisories
        return {feed: timedelta(hours=settings.of(feed).stale_after_hours) for feed in FeedName}

    def refusal_limits(self, release: str) -> dict[FeedName, timedelta]:
        """Return from which age on nothing is done to a release on a feed's word."""
        from datetime import timedelta

        from oakum.core.inventory.distribution import system_of

        settings = self._configuration.advisories
        rules = ((feed, settings.of(feed)) for feed in settings.about(system_of(release)))
        return {
            feed: timedelta(hours=rule.refuse_after_hours)
            for feed, rule in rules
            if rule.refuse_after_hours
        }
