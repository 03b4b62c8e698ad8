#!/bin/sh
# Hand a transaction over: write its directory at once or not at all, then start it detached from us.
# $1 is its id; stdin a tar of its files. Exit codes: 3 cannot write, 4 the id stands for something else, 5 did not start.

T=$OAKUM/transactions/$1

deliver() {
  umask 022
  mkdir -p "$OAKUM/transactions" && new=$(mktemp -d "$OAKUM/transactions/.new.XXXXXX") || exit 3
  trap 'rm -rf "$new"' EXIT
  tar -x -C "$new" --no-same-owner || exit 3
  # A connection that is lost between two files leaves a tar that tar has nothing against; this is the last of them.
  [ -s "$new/transaction.sh" ] || { echo "what was handed over is cut off" >&2; exit 3; }
  put_in_place "$new"
}

[ "$(id -u)" = 0 ] || { echo "not root" >&2; exit 3; }
! is_reserved "$1" || { echo "a transaction may not be called $1: other units are" >&2; exit 3; }
deliver
is_taken || { launch "$1"; wait_until_taken; }
