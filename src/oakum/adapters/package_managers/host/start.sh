#!/bin/sh
# Hand a transaction over: write its directory at once or not at all, then start it detached from us.
# $1 is its id; stdin a tar of its files. Exit codes: 3 cannot write, 4 the id stands for something else, 5 did not start.

T=$OAKUM/transactions/$1

deliver() {
  umask 022
  mkdir -p "$OAKUM/transactions" && new=$(mktemp -d "$OAKUM/transactions/.new.XXXXXX") || exit 3
  trap 'rm -rf "$new"' EXIT
  chmod 755 "$new"
  tar -x -C "$new" --no-same-owner && sync "$new"/* "$new" || exit 3
  if ! mv -T "$new" "$T" 2>/dev/null; then
    [ -d "$T" ] || exit 3
    # Handed over before: it must be the same in every byte.
    for file in changes.tsv settings key.asc; do cmp -s "$new/$file" "$T/$file" || exit 4; done
  fi
  sync "$OAKUM/transactions"
}

is_taken() { [ -e "$T/result" ] || ! flock -n "$T/running" true; }

# A shutdown asks a unit to end by a signal, and kills what is left when its first process has ended; that is flock,
# which would obey. SIGCONT asks nothing: the shutdown waits until dpkg is through.
launch() {
  : >>"$T/log"
  if has_systemd; then
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

[ "$(id -u)" = 0 ] || { echo "not root" >&2; exit 3; }
deliver "$1"
is_taken || { launch "$1"; wait_until_taken; }
