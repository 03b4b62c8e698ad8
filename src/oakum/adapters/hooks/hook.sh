#!/bin/sh
# One hook, where it is run: begun at most once, killed when its time is over, its end written down.
# deliver ID: its files on stdin, lines `s …` of this script, `c …` of the command, `e …` of the environment and `t …`
# of its seconds; begin NEW DIRECTORY: the same from a directory; start DIRECTORY unit|detached: begin it, unless it was
# begun; run DIRECTORY; status DIRECTORY.
# Exit codes: 3 cannot write, 4 the id stands for something else, 5 did not start.

set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
HOOKS=/var/lib/oakum/hooks
TAB=$(printf '\t')
KEPT=4096 # Bytes of output, the last ones.

has_systemd() {
  [ -d /run/systemd/system ] && [ "$(stat -L -c %d:%i /proc/1/root 2>/dev/null)" = "$(stat -c %d:%i /)" ]
}

say_error() { printf '%s\n' "$1" >&2; }

deliver() { # id
  [ "$(id -u)" = 0 ] || { say_error "not root"; exit 3; }
  (umask 022 && mkdir -p "${HOOKS%/*}") && mkdir -p "$HOOKS" && new=$(mktemp -d "$HOOKS/.new.XXXXXX") || exit 3
  trap 'rm -rf "$new"' EXIT
  cat >"$new/given" || exit 3
  for file in s:hook.sh c:command e:environment t:seconds; do
    sed -n "s/^${file%%:*} //p" "$new/given" >"$new/${file#*:}" || exit 3
  done
  # A connection that is lost meanwhile looks like the end: the seconds come last, and a line has an end.
  [ -s "$new/seconds" ] && tail -c 1 "$new/given" | grep -qx '' || { say_error "what was handed over is cut off"; exit 3; }
  rm "$new/given"
  begin "$new" "$HOOKS/$1"
}

begin() { # new directory
  put_in_place "$1" "$2"
  if has_systemd; then start "$2" unit; else start "$2" detached; fi
}

# put_in_place NEW DIRECTORY: at once or not at all. One that was there must be the same.
put_in_place() {
  sync "$1"/* "$1" || exit 3
  if ! mv -T "$1" "$2" 2>/dev/null; then
    [ -d "$2" ] || exit 3
    for file in command environment seconds; do cmp -s "$1/$file" "$2/$file" || exit 4; done
  fi
  sync "${2%/*}"
}

start() { # directory how
  H=$1
  [ ! -d "$H/begun" ] || exit 0
  case "$2" in
    unit)
      # A shutdown kills it: what became of it is then not known, and nobody runs it again.
      systemd-run -q --unit="oakum-hook-$(basename "$H")" --slice=oakum.slice --collect --property=Type=exec \
        --property=RuntimeMaxSec=$(($(cat "$H/seconds") + 60)) --property=TimeoutStopSec=5 --property=StandardInput=null \
        --property=StandardOutput=null --property=StandardError=null \
        /bin/sh "$H/hook.sh" run "$H" 2>"$H/launch.log" </dev/null
      ;;
    *) setsid sh "$H/hook.sh" run "$H" </dev/null >/dev/null 2>&1 & ;;
  esac
  tries=0
  until [ -d "$H/begun" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || give_up
    sleep 0.1
  done
}

# Take its place, so that it cannot begin later, when it was said not to have begun.
give_up() {
  mkdir "$H/begun" 2>/dev/null || return 0
  write_result not-started - 0
  say_error "it did not start: $(head -c 300 "$H/launch.log" 2>/dev/null)"
  exit 5
}

write_result() { # state exit seconds
  printf 'state\t%s\nexit\t%s\nseconds\t%s\n' "$1" "$2" "$3" >"$H/result.new"
  sync "$H/result.new" && mv "$H/result.new" "$H/result" && sync "$H"
}

run() { # directory
  H=$1
  # Whoever asks how it stands holds this lock for a moment: wait that long.
  exec 9>"$H/running"
  flock -w 5 9 || exit 0
  mkdir "$H/begun" 2>/dev/null || exit 0
  sync "$H/begun" "$H" || exit 3
  cd / || exit 3
  set -- env -i
  for file in environment command; do
    while IFS= read -r line; do
      # A word may end with newlines, which a substitution would take away.
      word=$(printf '%b.' "$line")
      set -- "$@" "${word%.}"
    done <"$H/$file"
  done
  carry_out "$(cat "$H/seconds")" "$@"
}

carry_out() { # seconds command…
  limit=$1
  shift
  mkfifo "$H/pipe" || exit 3
  tail -c "$KEPT" <"$H/pipe" >"$H/output" 9>&- &
  reader=$!
  begun=$(date +%s)
  # In a session of its own, so that all that it starts can be killed with it.
  # What a hook writes is for the services of the host, which read it by other accounts; our record is not.
  (umask 022 && exec setsid timeout -k 5 "$limit" "$@") </dev/null >"$H/pipe" 2>&1 9>&- &
  group=$!
  wait "$group"
  code=$?
  seconds=$(($(date +%s) - begun))
  kill -s KILL -- "-$group" 2>/dev/null
  read_the_rest
  state=ended
  case "$code" in 124 | 137) [ "$seconds" -lt "$limit" ] || state=timed-out ;; esac
  write_result "$state" "$code" "$seconds"
}

# What left the group may still hold the pipe open: its words are not waited for.
read_the_rest() {
  (sleep 2 && kill "$reader") 9>&- 2>/dev/null &
  watch=$!
  wait "$reader" 2>/dev/null
  kill "$watch" 2>/dev/null
  rm -f "$H/pipe"
}

status() { # directory
  if [ ! -d "$1/begun" ]; then
    echo absent
  else
    # The lock is asked before the result: whoever ends in between is seen with its result.
    running=no
    flock -n "$1/running" true 2>/dev/null || [ ! -e "$1/running" ] || running=yes
    echo "running$TAB$running"
    [ ! -f "$1/result" ] || sed "s/^/result$TAB/" "$1/result"
    [ ! -f "$1/output" ] || tr -c '\n\t\040-\176' '?' <"$1/output" | sed "s/^/output$TAB/; \$a\\"
  fi
  echo "end${TAB}ok"
}

case "$1" in
  deliver) deliver "$2" ;;
  begin) begin "$2" "$3" ;;
  start) start "$2" "$3" ;;
  run) run "$2" ;;
  status) status "$2" ;;
esac
