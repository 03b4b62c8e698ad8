#!/bin/sh
# While a transaction works, apt's daily work waits at the lock that it takes for itself, whoever starts it: a timer, cron
# or a person. The lock goes with us however we end, so that nothing is left that would have to be given back.

DAILY_LOCK=/var/lib/apt/daily_lock # Of apt.systemd.daily, which waits an hour for it.

# without_updaters COMMAND: run it when apt's daily work has ended. Who is half-way, or is to go back, does not wait for
# that without end: it may hang just where the network is what has to be put back.
without_updaters() {
  seconds=$(setting lock_seconds)
  own_lock "$DAILY_LOCK"
  flock -o -w "$seconds" -E 75 "$DAILY_LOCK" "$@"
  case $? in
    75)
      said="apt's daily work (apt.systemd.daily) has not ended within $seconds seconds"
      [ -e "$T/changed" ] || [ "$(setting mode)" = roll-back ] ||
        refuse "$said; wait for it (systemctl status apt-daily.service apt-daily-upgrade.service)" ;;
    # No such file can be made, or it cannot be locked: what is wrong there the preflight says.
    65 | 66 | 71 | 73) said="$DAILY_LOCK cannot be locked" ;;
    *) return ;;
  esac
  done_with "$said: goes on beside it"
  "$@"
}
