#!/bin/sh
# Starting a transaction whose directory $T is in place, detached from whoever asked.

# is_reserved ID: tell whether oakum-ID would be, or be taken for, a unit of ours that is no transaction.
is_reserved() {
  case "$1" in deadman-* | watch-* | reboot-* | hook-*) return 0 ;; esac
  return 1
}

is_taken() { [ -e "$T/result" ] || ! flock -n "$T/running" true; }

# A shutdown asks a unit to end by a signal, and kills what is left when its first process has ended; that is flock,
# which would obey. SIGCONT asks nothing: the shutdown waits until dpkg is through, or systemd's own 30 minutes are over.
launch() {
  : >>"$T/log"
  if has_systemd; then
    # One that was killed may stay loaded as failed, and would hold the name.
    systemctl reset-failed "oakum-$1.service" 2>/dev/null
    systemd-run -q --unit="oakum-$1" --slice=oakum.slice --collect --property=Type=exec --property=KillMode=mixed \
      --property=KillSignal=SIGCONT --property=TimeoutStopSec=infinity --property=OOMScoreAdjust=-900 --property=Nice=5 \
      --property=StandardInput=null --property=StandardOutput="append:$T/log" --property=StandardError=inherit \
      /bin/sh "$T/transaction.sh" enter "$T" 2>"$T/launch.log" </dev/null
  else
    setsid sh "$T/transaction.sh" enter "$T" </dev/null >>"$T/log" 2>&1 &
  fi
}

wait_until_taken() {
  tries=0
  until is_taken; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { one_line <"$T/launch.log" >&2; exit 5; }
    sleep 0.1
  done
}

# put_in_place NEW: make a directory the transaction's, at once or not at all. One that was there must be the same.
put_in_place() {
  own_lock "$1/running" && chmod 755 "$1" && sync "$1"/* "$1" || exit 3
  if ! mv -T "$1" "$T" 2>/dev/null; then
    [ -d "$T" ] || exit 3
    for file in changes.tsv settings key.asc; do
      cmp -s "$1/$file" "$T/$file" || { echo "it has another $file there" >&2; exit 4; }
    done
  fi
  sync "$OAKUM/transactions"
}
