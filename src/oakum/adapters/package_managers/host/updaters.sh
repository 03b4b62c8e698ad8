#!/bin/sh
# While a transaction works, nobody else may update this host; afterwards all is as it was.
# The masks are runtime masks: should the host go down, they are gone by themselves.

UPDATERS="apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service
  packagekit-offline-update.service unattended-upgrades.service"

own_updaters() {
  give_back_updaters
  has_systemd || return 0
  for unit in $UPDATERS; do
    [ "$(systemctl show -P LoadState "$unit" 2>/dev/null)" = loaded ] || continue
    printf '%s\t%s\n' "$unit" "$(systemctl show -P ActiveState "$unit")" >>"$OAKUM/updaters"
  done
  [ -s "$OAKUM/updaters" ] || return 0
  sync "$OAKUM/updaters"
  # All at once: systemd reads every unit of the host anew for each call.
  # shellcheck disable=SC2046
  systemctl -q mask --runtime $(cut -f 1 "$OAKUM/updaters") 2>/dev/null
  # A service in the middle of its work is never stopped: we wait for dpkg's lock instead.
  for unit in $(active_timers); do systemctl -q stop "$unit"; done
}

active_timers() { sed -n "s/^\(.*\.timer\)${TAB}active$/\1/p" "$OAKUM/updaters"; }

# Undo exactly what own_updaters wrote down; nothing written down, nothing done.
give_back_updaters() {
  [ -f "$OAKUM/updaters" ] || return 0
  if has_systemd; then
    # shellcheck disable=SC2046
    systemctl -q unmask --runtime $(cut -f 1 "$OAKUM/updaters") 2>/dev/null
    # Only now: a timer does not start while the service that it is for is masked.
    for unit in $(active_timers); do systemctl -q start "$unit"; done
  fi
  rm -f "$OAKUM/updaters"
}
