#!/bin/sh
# Taking the controller's word that the host is well. Says what has been decided, by this or before it.
# Exit codes: 3 unknown, 4 it has not succeeded.

confirm() { # transaction
  T=$OAKUM/transactions/$1
  [ -d "$T" ] || { echo "no such transaction" >&2; exit 3; }
  if [ "$(deadman_state "$T")" != fired ]; then
    require_success
    settle_deadman "$T" confirmed
    # Who is found well goes back by its packages from here on, and the disk is its own again.
    [ "$(deadman_state "$T")" = fired ] || drop_snapshots "$1"
  fi
  echo "deadman$TAB$(deadman_state "$T")"
}

# One that is at work, or did not end well, may need its way back: nobody has seen its end, or it is to be undone.
require_success() {
  result=$(sed -n "s/^state$TAB//p" "$T/result" 2>/dev/null)
  [ "$result" = succeeded ] || { echo "only what has succeeded is confirmed; its result: ${result:-none yet}" >&2; exit 4; }
}
