#!/bin/sh
# The deadman: unless the controller confirms in time, over a new connection, that it found the host well, the host
# goes back by itself. $T is the upgrade's directory. One file there says how it stands: deadman.armed, which becomes
# .confirmed, .withdrawn or .fired by one rename. Of several who try, the one whose rename succeeds has decided.
# Time is counted while nothing of ours is at work, from the boot on when the host was booted: a clock may be wrong.

DEADMAN_UNITS=/etc/systemd/system
WANTED_AT_BOOT=$DEADMAN_UNITS/multi-user.target.wants
OWN_PACE=20 # Seconds between two looks.

# Before the first change. A host that cannot watch over itself is not changed.
arm_deadman() {
  [ "$(deadman_seconds)" -gt 0 ] || return 0
  case "$(deadman_state "$T")" in
    off) ;;
    armed) ! is_watched || return 0 ;; # The power may have gone before anything watched.
    *) return 0 ;;
  esac
  [ -s "$T/back.tsv" ] && [ -s "$T/back.settings" ] || { echo "the way back was not handed over"; return 1; }
  count_anew && : >"$T/deadman.armed" && sync "$T"/deadman.* "$T" || { echo "cannot write in $T"; return 1; }
  watch_over_us && return 0
  # Off, and not withdrawn: a shutdown may be what forbids it, and after the boot it is armed like any other.
  rm -f "$T/deadman.armed"
  dismiss_deadman "$T" --now
  return 1
}

deadman_seconds() {
  said=$(setting deadman)
  echo "${said:-0}"
}

# Now a transient unit watches. The file is for a boot: nobody has to read all units anew, now or when it goes.
boot_unit() { # directory
  echo "oakum-deadman-$(basename "$1").service"
}

watching_unit() { # directory
  echo "oakum-watch-$(basename "$1").service"
}

# Without systemd a process watches until the host goes down.
watch_over_us() {
  if has_systemd; then
    unit=$DEADMAN_UNITS/$(boot_unit "$T")
    write_boot_unit "$unit" 2>"$T/deadman.log" || { echo "cannot write $unit: $(sed 's/.*: //' "$T/deadman.log" | one_line)"; return 1; }
    systemd-run -q --collect --unit="$(watching_unit "$T")" --property=Restart=on-failure --property=RestartSec=5 \
      --property=OOMScoreAdjust=-900 --property=StandardInput=null /bin/sh "$T/transaction.sh" deadman "$T" \
      </dev/null 2>"$T/deadman.log" && return 0
    one_line <"$T/deadman.log"
    return 1
  fi
  watch_apart
}

write_boot_unit() { # file
  cat >"$1" <<END && mkdir -p "$WANTED_AT_BOOT" && ln -sf "$1" "$WANTED_AT_BOOT/" && sync -d "$1" "$WANTED_AT_BOOT"
[Unit]
Description=Oakum goes back unless $(basename "$T") is confirmed
[Service]
ExecStart=/bin/sh $T/transaction.sh deadman $T
Restart=on-failure
RestartSec=5
OOMScoreAdjust=-900
[Install]
WantedBy=multi-user.target
END
}

is_watched() {
  has_systemd || { watcher_runs "$T"; return; }
  [ -e "$DEADMAN_UNITS/$(boot_unit "$T")" ] || return 1
  # One that was killed is started again by systemd, a moment later.
  systemctl show -P ActiveState "$(boot_unit "$T")" "$(watching_unit "$T")" | grep -qxE 'active|activating'
}

watch_apart() {
  setsid sh "$T/transaction.sh" deadman "$T" </dev/null >/dev/null 2>&1 &
  echo $! >"$T/deadman.pid"
}

# What watches must not hold old code in memory, be it over us or over the upgrade that we undo. Under systemd its unit
# is restarted as others are.
renew_watch() {
  ! has_systemd || return 0
  for one in "$T" "$OAKUM/transactions/$(setting undoes)"; do
    [ -e "$one/deadman.armed" ] && [ -e "$one/deadman.pid" ] || continue
    (T=$one && stop_watcher "$T" && watch_apart)
  done
}

watcher_runs() { # directory
  watcher=$(cat "$1/deadman.pid" 2>/dev/null) && grep -qsF "$1" "/proc/$watcher/cmdline"
}

stop_watcher() { # directory
  ! watcher_runs "$1" || kill -TERM -- "-$watcher"
}

# settle_deadman DIRECTORY STATE: fails when somebody else has decided.
settle_deadman() {
  if ! mv -T "$1/deadman.armed" "$1/deadman.$2" 2>/dev/null; then
    # One that could not take its unit away when it was settled, on a root that was read-only, does it now.
    [ "$(deadman_state "$1")" = fired ] || dismiss_deadman "$1" --now
    return 1
  fi
  sync "$1"
  dismiss_deadman "$1" --now
}

dismiss_deadman() { # directory [--now]
  unit=$(boot_unit "$1")
  rm -f "$WANTED_AT_BOOT/$unit" "$DEADMAN_UNITS/$unit"
  [ -n "${2:-}" ] || return 0 # It is the watch itself that ends.
  if has_systemd; then
    for one in "$unit" "$(watching_unit "$1")"; do systemctl -q stop "$one" </dev/null 2>/dev/null; done
  else
    stop_watcher "$1"
  fi
  return 0
}

deadman_state() { # directory
  for state in armed confirmed withdrawn fired; do
    [ ! -e "$1/deadman.$state" ] || { echo $state; return; }
  done
  echo off
}

seconds_up() { cut -d . -f 1 /proc/uptime; }

count_anew() {
  printf '%s %s\n' "$(boot_id)" "$(seconds_up)" >"$T/deadman.new" &&
    mv "$T/deadman.new" "$T/deadman.since"
}
