#!/bin/sh
# While a transaction works, nobody else may update this host; afterwards all is as it was.
# The masks are runtime masks: should the host go down, they are gone by themselves.

UPDATERS="apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service
  packagekit-offline-update.service unattended-upgrades.service"

own_updaters() {
  give_back_updaters
  has_systemd || return 0
  for unit in $UPDATERS; do
    case "$(systemctl show -P LoadState "$unit" 2>/dev/null)" in
      loaded) own_updater "$unit" ;;
    esac
  done
}

own_updater() {
  state=$(systemctl show -P ActiveState "$1")
  printf '%s\t%s\n' "$1" "$state" >>"$OAKUM/updaters"
  sync "$OAKUM/updaters"
  systemctl -q mask --runtime "$1" 2>/dev/null
  case "$1" in
    # A service in the middle of its work is never stopped: we wait for dpkg's lock instead.
    *.timer) [ "$state" != active ] || systemctl -q stop "$1" ;;
  esac
}

# Undo exactly what own_updaters wrote down; nothing written down, nothing done.
give_back_updaters() {
  [ -f "$OAKUM/updaters" ] || return 0
  if has_systemd; then
    cut -f 1 "$OAKUM/updaters" | while IFS= read -r unit; do systemctl -q unmask --runtime "$unit" 2>/dev/null; done
    # Only now: a timer does not start while the service that it is for is masked.
    while IFS=$TAB read -r unit state; do
      case "$unit $state" in
        *.timer\ active) systemctl -q start "$unit" ;;
      esac
    done <"$OAKUM/updaters"
  fi
  rm -f "$OAKUM/updaters"
}
