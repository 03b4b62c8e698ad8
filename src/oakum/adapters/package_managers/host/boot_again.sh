#!/bin/sh
# Rebooting the host, once for a transaction. Exit codes: 3 unknown, 4 at work, 5 cannot.

boot_again() { # transaction
  T=$OAKUM/transactions/$1
  [ -d "$T" ] || { echo "no such transaction" >&2; exit 3; }
  [ ! -e "$T/rebooted" ] || exit 0
  if [ ! -e "$T/result" ] || ! flock -n "$OAKUM/lock" true; then
    echo "a transaction is at work" >&2
    exit 4
  fi
  ! has_booted_since || exit 0
  has_systemd || { echo "no systemd here that is this system's own" >&2; exit 5; }
  mkdir "$T/rebooted" 2>/dev/null || exit 0
  boot_id >"$T/rebooted/boot_id"
  sync
  # A moment later, so that the answer reaches whoever asked.
  systemd-run -q --collect --unit="oakum-reboot-$1" --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot && return
  rm -r "$T/rebooted" # Otherwise the next time would be taken for the second.
  exit 5
}

# What needs a boot has had it, whoever booted the host: an old transaction is no leave to do it again at any time.
has_booted_since() {
  begun_in=$(awk -F '\t' '($2 == "begin" || $2 == "resume") && $3 == "started" { id = $4 } END { print id }' "$T/journal" 2>/dev/null)
  [ -n "$begun_in" ] && [ "$begun_in" != "$(boot_id)" ]
}
