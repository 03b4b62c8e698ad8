#!/bin/sh
# Say how a transaction stands. $1 is its id. Every line begins with its kind and a tab.

T=$OAKUM/transactions/$1

report() {
  # The lock is asked before the result: whoever ends in between is seen with its result.
  running=no
  flock -n "$T/running" true 2>/dev/null || [ ! -e "$T/running" ] || running=yes
  echo "running$TAB$running"
  [ ! -f "$T/journal" ] || printable <"$T/journal" | sed "s/^/journal$TAB/"
  [ ! -f "$T/result" ] || printable <"$T/result" | sed "s/^/result$TAB/"
}

if [ -d "$T" ]; then report; else echo "absent$TAB"; fi
echo "end${TAB}ok"
