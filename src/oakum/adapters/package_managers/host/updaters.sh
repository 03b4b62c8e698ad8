#!/bin/sh
# While a transaction works, nobody else may update this host; afterwards all is as it was.
# The masks are runtime masks: should the host go down, they are gone by themselves.

UPDATERS="apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service
  packagekit-offline-update.service unattended-upgrades.service"

own_updaters() {
  give_back_updaters
  has_systemd || return 0
  # shellcheck disable=SC2086
  systemctl show -p Id -p LoadState -p ActiveState $UPDATERS 2>/dev/null | awk '
    BEGIN { RS = ""; FS = "\n" } # One unit a paragraph.
    {
      split("", of)
      for (i = 1; i <= NF; i++) { at = index($i, "="); of[substr($i, 1, at - 1)] = substr($i, at + 1) }
      if (of["LoadState"] == "loaded") print of["Id"] "\t" of["ActiveState"]
    }' >"$OAKUM/updaters"
  [ -s "$OAKUM/updaters" ] || { rm -f "$OAKUM/updaters"; return 0; }
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
