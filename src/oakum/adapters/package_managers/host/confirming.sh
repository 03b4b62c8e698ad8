#!/bin/sh
# Taking the controller's word that the host is well. Says what has been decided, by this or before it.

confirm() { # transaction
  T=$OAKUM/transactions/$1
  [ -d "$T" ] || { echo "no such transaction" >&2; exit 3; }
  settle_deadman "$T" confirmed
  # Who is found well goes back by its packages from here on, and the disk is its own again.
  [ "$(deadman_state "$T")" = fired ] || drop_snapshots "$1"
  echo "deadman$TAB$(deadman_state "$T")"
}
