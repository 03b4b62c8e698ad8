#!/bin/sh
# Saying how a transaction stands. Every line begins with its kind and a tab.

# How long a transaction that is at work is waited for: asking costs the host more than waiting does, and its end is
# known at once.
WATCH_SECONDS=9

report() { # directory
  if [ ! -d "$1" ]; then
    echo "absent$TAB"
    return
  fi
  # The lock is asked before the result: whoever ends in between is seen with its result.
  running=no
  flock -w "$WATCH_SECONDS" "$1/running" true 2>/dev/null || [ ! -e "$1/running" ] || running=yes
  echo "running$TAB$running"
  echo "deadman$TAB$(deadman_state "$1")"
  [ ! -f "$1/journal" ] || printable <"$1/journal" | sed "s/^/journal$TAB/; \$a\\"
  [ ! -f "$1/result" ] || printable <"$1/result" | sed "s/^/result$TAB/"
}
