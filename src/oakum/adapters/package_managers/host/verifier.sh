#!/bin/sh
# The only program that Oakum's login may run as root. It obeys orders that enough approvers signed, and questions.
# begin ID [BACK] | roll-back ID UNDONE: an order on stdin, lines `o …` of the order, `k …` of the snapshot's key, `1 …` to
# `16 …` of the signatures; BACK is what the host calls its way back should nobody `confirm ID` in the time of the
# order. reboot ID: only for a plan that allows it. status ID, facts TOKEN and simulate URL SUITE
# (stdin: lines `k …` and `t …` of targets) change nothing. hook ID NUMBER do|undo: an order on stdin, and a hook of it;
# hook-status ID changes nothing. Exit code 6: refused; others as in launch, boot_again and confirming.
# Nothing that is read here becomes part of a command before it matched a pattern.

ETC=/etc/oakum
LIB=/usr/lib/oakum
ORDERS=$OAKUM/orders
LIMIT=8388608
SIMULATE_SECONDS=330 # A little longer than the controller waits for its answer.
LEEWAY="2 minutes" # A controller whose clock is a little ahead is not too early.
ID='[A-Za-z0-9][A-Za-z0-9._-]{0,200}'
HOST='[A-Za-z0-9_][A-Za-z0-9_.:-]{0,110}'
SHA='[0-9a-f]{64}'
KEY='[a-z0-9][a-z0-9+.-]*:[a-z0-9][a-z0-9-]*'
VERSION='(-|[A-Za-z0-9][A-Za-z0-9.+:~-]*)'
CHANGE="(upgrade|downgrade|install|remove)$TAB$KEY$TAB$VERSION$TAB$VERSION$TAB(-|$SHA)"
MOMENT='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'
URL='https?://[A-Za-z0-9._~:/@%+-]+'
SUITE='[A-Za-z0-9][A-Za-z0-9./_-]*'
NUMBER='[1-9][0-9]?'
# Printable ASCII but the backslash, and any byte as three octal digits: what printf %b gives back.
WORD='([]!-[^-~]|\\0[0-7]{3})+'

deny() {
  printf 'refused: %s\n' "$1" | one_line >&2
  echo >&2
  exit 6
}

# is_one PATTERN TEXT: tell whether the whole text, one line, matches.
is_one() {
  case "$2" in *"$NEWLINE"*) return 1 ;; esac
  printf '%s\n' "$2" | grep -Exq -e "$1"
}

NEWLINE='
'

is_name() { is_one "$ID" "$1" && ! is_reserved "$1"; }

# What anybody but root could change or lead elsewhere decides nothing here.
require_roots() { # paths
  for path in "$@"; do
    if [ -L "$path" ] || [ ! -e "$path" ]; then deny "$path is missing, or is a symbolic link"; fi
    case "$(stat -c '%u %A' "$path")" in
      "0 "?????w* | "0 "????????w*) deny "others than root may write $path" ;;
      "0 "*) ;;
      *) deny "$path does not belong to root" ;;
    esac
  done
}

require_own_ground() {
  [ "$(id -u)" = 0 ] || deny "not root"
  require_roots / /etc "$ETC" "$ETC/approvers" "$ETC/verifier.conf" /usr /usr/lib "$LIB" "$LIB/transaction.sh" /var /var/lib
  [ -e "$OAKUM" ] || [ -L "$OAKUM" ] || mkdir "$OAKUM" || exit 3
  require_roots "$OAKUM"
  for path in "$ORDERS" "$OAKUM/transactions" "$OAKUM/hooks"; do
    [ -e "$path" ] || [ -L "$path" ] || mkdir "$path" || exit 3
    require_roots "$path"
  done
}

# setting_of NAME PATTERN: the one value of a line in our configuration.
setting_of() {
  found=$(sed -n "s/^$1 //p" "$ETC/verifier.conf")
  is_one "$2" "$found" || deny "$ETC/verifier.conf does not say once what the $1 is"
  printf '%s' "$found"
}

# Read what was given into files of our own, once: nobody can change it between the check and the deed.
take_in() { # prefixes, as a pattern
  W=$(mktemp -d "$OAKUM/verifier.XXXXXX") || exit 3
  trap 'rm -rf "$W"' EXIT
  head -c $((LIMIT + 1)) >"$W/given" || exit 3
  [ "$(wc -c <"$W/given")" -le "$LIMIT" ] || deny "more than $LIMIT bytes were given"
  [ "$(LC_ALL=C tr -cd '\n\t\040-\176' <"$W/given" | wc -c)" = "$(wc -c <"$W/given")" ] || deny "what was given is not plain text"
  all_lines "^($1) .*" "$W/given" || deny "what was given has lines of an unknown kind"
}

# all_lines PATTERN FILE: tell whether every line matches as a whole. Lines are counted: an error is no match.
all_lines() { [ "$(grep -Exc -e "$1" "$2")" = "$(wc -l <"$2")" ]; }

given() { sed -n "s/^$1 //p" "$W/given"; }

# Count the approvers' keys that signed the order: keys, not signatures and not names, each once.
count_signers() {
  : >"$W/counted"
  known=0
  signed=0
  for number in $(seq 16); do
    given "$number" >"$W/signature.$number"
    [ -s "$W/signature.$number" ] || rm "$W/signature.$number"
  done
  while read -r kind blob rest; do
    case "$kind" in
      '' | '#'*) continue ;;
      ssh-ed25519 | sk-ssh-ed25519@openssh.com) ;;
      *) deny "$ETC/approvers holds what is no ed25519 key: $kind" ;;
    esac
    printf '%s %s\n' "$kind" "$blob" >"$W/key.pub"
    print=$(ssh-keygen -l -E sha256 -f "$W/key.pub" 2>/dev/null | cut -d ' ' -f 2)
    [ -n "$print" ] || deny "$ETC/approvers holds a key that cannot be read: $blob $rest"
    ! grep -qxF -e "$print" "$W/counted" || continue
    printf '%s\n' "$print" >>"$W/counted"
    known=$((known + 1))
    ! has_signed "$kind" "$blob" || signed=$((signed + 1))
  done <"$ETC/approvers"
}

has_signed() { # kind blob
  printf 'approver namespaces="oakum-plan" %s %s\n' "$1" "$2" >"$W/allowed"
  for signature in "$W"/signature.*; do
    [ -f "$signature" ] || continue
    ssh-keygen -Y verify -f "$W/allowed" -I approver -n oakum-plan -s "$signature" <"$W/order" >/dev/null 2>&1 && return 0
  done
  return 1
}

require_signers() {
  threshold=$(setting_of threshold '[1-9][0-9]?') || exit 6
  count_signers
  [ "$known" -ge "$threshold" ] || deny "$threshold approvers are needed, and only $known are known here"
  [ "$signed" -ge "$threshold" ] || deny "$signed approvers of this host signed it, and $threshold are needed"
}

# value NAME: what the order says, where it says it once; the patterns of the lines were checked before.
value() { awk -F '\t' -v name="$1" '$1 == name { n++; found = $2 } END { if (n == 1) print found }' "$W/$2"; }

# Every line is of a known kind, and each that stands for the whole stands there once.
require_form() {
  cat >"$W/form" <<END
oakum-order${TAB}1
(plan|snapshot|key)$TAB$SHA
url$TAB$URL
suite$TAB$SUITE
restart$TAB(never|affected)
reboot$TAB(never|when-needed)
install-from$TAB(-|$MOMENT)
(install|undo)-until$TAB$MOMENT
opens${TAB}[0-9]+$TAB$HOST
opening${TAB}[0-9]+$TAB$MOMENT$TAB$MOMENT
hook$TAB$NUMBER$TAB(before|after)$TAB[1-9][0-9]{0,3}$TAB$WORD
hook-(do|undo)$TAB$NUMBER$TAB$WORD
hooked$TAB$NUMBER$TAB$HOST
class${TAB}[0-9]+
host$TAB$HOST
may-undo$TAB(yes|no)
deadman${TAB}[1-9][0-9]{0,5}
restore-point${TAB}snapshot
download${TAB}[0-9]{1,15}
(change|undo)$TAB$CHANGE
end
END
  [ "$(grep -Exc -f "$W/form" "$W/order")" = "$(wc -l <"$W/order")" ] || deny "the order holds a line that is not understood"
  [ "$(sed -n '1p' "$W/order")" = "oakum-order${TAB}1" ] || deny "this is no order"
  [ "$(sed -n '$p' "$W/order")" = end ] || deny "the order is cut off"
  for name in plan snapshot key url suite restart reboot install-from install-until undo-until; do
    [ -n "$(value "$name" order)" ] || deny "the order does not say once: $name"
  done
  PLAN=$(value plan order)
}

# Find the part of the order that is for this host. What there is no room for is not understood: half of what was signed
# was signed by nobody.
require_for_us() {
  me=$(setting_of host "$HOST") || exit 6
  awk -F '\t' -v me="$me" '$1 == "class" { n++ } $1 == "host" && $2 == me { print n + 0 }' "$W/order" >"$W/mine" || exit 3
  [ "$(wc -l <"$W/mine")" = 1 ] && [ "$(cat "$W/mine")" -gt 0 ] || deny "the order is not for this host ($me)"
  awk -F '\t' -v mine="$(cat "$W/mine")" '$1 == "class" { n++ } n == mine' "$W/order" >"$W/part" || exit 3
  for name in may-undo download; do [ -n "$(value "$name" part)" ] || deny "the order does not say once: $name"; done
  sed -n "s/^change$TAB//p" "$W/part" >"$W/changes.tsv" && sed -n "s/^undo$TAB//p" "$W/part" >"$W/undo.tsv" || exit 3
  [ -s "$W/changes.tsv" ] || deny "the order changes nothing on this host"
  [ "$(grep -c "^deadman$TAB" "$W/part")" -le 1 ] || deny "the order says more than once: deadman"
}

digits() { printf '%s' "$1" | tr -cd 0-9; }

require_time() { # name of the last moment
  now=$(date -u +%Y%m%d%H%M%S)
  [ "$now" -le "$(digits "$(value "$1" order)")" ] || deny "the order ended at $(value "$1" order); it is $now UTC here"
  from=$(value install-from order)
  [ "$from" = - ] || [ "$(date -u -d "$LEEWAY" +%Y%m%d%H%M%S)" -ge "$(digits "$from")" ] || deny "the order begins at $from; it is $now UTC here"
}

# A host that has windows of its own begins in one of them only; one that has none, at any time of the order.
require_own_window() {
  awk -F '\t' -v me="$me" '$1 == "opens" && $3 == me { print $2 }' "$W/order" >"$W/opens" || exit 3
  [ -s "$W/opens" ] || return 0
  awk -F '\t' -v now="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -v soon="$(date -u -d "$LEEWAY" +%Y-%m-%dT%H:%M:%SZ)" '
    FILENAME == ARGV[1] { mine[$1]; next }
    $1 == "opening" && $2 in mine && $3 <= soon && now < $4 { print }' "$W/opens" "$W/order" >"$W/open"
  [ -s "$W/open" ] || deny "no window of this host is open"
}

understand_order() {
  given o >"$W/order"
  given k >"$W/key.asc"
  require_signers
  require_form
  [ "$(sha256sum <"$W/key.asc" | cut -d ' ' -f 1)" = "$(value key order)" ] || deny "the snapshot's key is not the one in the order"
  require_for_us
}

# One decision at a time. The lock is not handed on to what is started afterwards.
lock_orders() {
  own_lock "$ORDERS/lock" && exec 9>"$ORDERS/lock" || exit 3
  flock -w 30 9 || deny "another order is being judged"
  MINE=$ORDERS/$PLAN
  [ -e "$MINE" ] || [ -L "$MINE" ] || mkdir "$MINE" || exit 3
  require_roots "$MINE"
}

# used FILE: the transaction that a part of this plan was used for; one that changed nothing has not used it.
used() {
  [ -e "$MINE/$1" ] || return 1
  before=$(cat "$MINE/$1")
  ! grep -qx "state${TAB}refused" "$OAKUM/transactions/$before/result" 2>/dev/null
}

use() { # file transaction
  printf '%s\n' "$2" >"$MINE/$1.new" && sync "$MINE/$1.new" && mv "$MINE/$1.new" "$MINE/$1" && sync "$MINE" || exit 3
}

# is_under_way FILE TRANSACTION: that part of the plan is used for it, and it has changed something, is at work or has
# ended. One that was interrupted so ends what it was allowed to begin; one that was only handed over has begun nothing,
# and an order that has ended since must not begin by it.
is_under_way() {
  used "$1" || return 1
  [ "$before" = "$2" ] || deny "this plan was $(words_for "$1") here already, as $before"
  T=$OAKUM/transactions/$2
  [ -d "$T" ] && { [ -e "$T/changed" ] || is_taken; }
}

words_for() { if [ "$1" = upgrade ]; then echo "carried out"; else echo "rolled back"; fi; }

begin_order() { # transaction back
  [ ! -e "$MINE/roll-back" ] || deny "this plan was rolled back here, and does not come again"
  case "$(value deadman part) $2" in
    " ") ;;
    " "*) deny "the order has no deadman" ;;
    *" ") deny "the order has a deadman, and its way back was given no name" ;;
  esac
  if ! is_under_way upgrade "$1"; then
    require_time install-until
    require_own_window
    use upgrade "$1"
  fi
  if [ -n "$2" ]; then
    cp "$W/undo.tsv" "$W/back.tsv" && write_settings roll-back "$1" >"$W/back.settings" || exit 3
  fi
  write_settings upgrade "" "$2" >"$W/settings" || exit 3
  hand_over "$1"
}

roll_back_order() { # transaction undone
  [ -e "$MINE/upgrade" ] && [ "$(cat "$MINE/upgrade")" = "$2" ] || deny "$2 did not carry this plan out here"
  [ -e "$OAKUM/transactions/$2/changes.tsv" ] || deny "$2 left nothing behind here"
  if ! is_under_way roll-back "$1"; then
    require_time undo-until
    use roll-back "$1"
  fi
  mv "$W/undo.tsv" "$W/back.tsv" && mv "$W/changes.tsv" "$W/undo.tsv" && mv "$W/back.tsv" "$W/changes.tsv"
  write_settings roll-back "$2" >"$W/settings" || exit 3
  hand_over "$1"
}

write_settings() { # mode undone [back]
  printf 'mode\t%s\nundoes\t%s\nlock_seconds\t300\n' "$1" "$2" || return
  for name in url suite restart reboot plan; do printf '%s\t%s\n' "$name" "$(value "$name" order)" || return; done
  printf 'download_bytes\t%s\nmay_undo\t%s\n' "$(value download part)" "$(value may-undo part)" || return
  [ "$1" != upgrade ] || [ -z "$(value restore-point part)" ] || printf 'snapshot\tyes\n' || return
  [ -z "${3:-}" ] || printf 'deadman\t%s\nback\t%s\n' "$(value deadman part)" "$3"
}

hand_over() { # transaction
  T=$OAKUM/transactions/$1
  [ ! -L "$T" ] || deny "$T is a symbolic link"
  new=$(mktemp -d "$OAKUM/transactions/.new.XXXXXX") || exit 3
  trap 'rm -rf "$W" "$new"' EXIT
  cp "$LIB/transaction.sh" "$W/key.asc" "$W/changes.tsv" "$W/undo.tsv" "$W/settings" "$W/order" "$new/" || exit 3
  for number in $(seq 16); do
    [ ! -f "$W/signature.$number" ] || cp "$W/signature.$number" "$new/" || exit 3
  done
  [ ! -f "$W/back.settings" ] || cp "$W/back.tsv" "$W/back.settings" "$new/" || exit 3
  put_in_place "$new"
  exec 9>&-
  is_taken || { launch "$1"; wait_until_taken; }
}

# A hook of the order, for this host: what stands before the change until it is begun, what stands after it from then
# on; each once, and again only after a transaction that was refused; the undo of what was done.
hook_order() { # execution number do|undo
  require_roots "$LIB/hook.sh"
  awk -F '\t' -v number="$2" -v me="$me" '$1 == "hooked" && $2 == number && $3 == me' "$W/order" >"$W/hooked"
  [ -s "$W/hooked" ] || deny "the order has no hook $2 for this host"
  awk -F '\t' -v number="$2" '$1 == "hook" && $2 == number' "$W/order" >"$W/hook"
  [ "$(wc -l <"$W/hook")" = 1 ] || deny "the order does not say once: hook $2"
  sed -n "s/^hook-$3$TAB$2$TAB//p" "$W/order" >"$W/command" || exit 3
  [ -s "$W/command" ] || deny "hook $2 of the order has nothing to $3"
  done_as=$(cat "$MINE/hook-$2" 2>/dev/null)
  if [ "$3" = undo ]; then
    [ "$1" = "$done_as.undo" ] || deny "hook $2 was not run here as ${1%.undo}"
    require_time undo-until
  elif [ "$1" != "$done_as" ] || [ ! -d "$OAKUM/hooks/$1/begun" ]; then
    may_begin_hook "$2" "$1"
    use "hook-$2" "$1"
  fi
  {
    printf 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\nOAKUM_HOST=%s\n' "$me" &&
      printf 'OAKUM_PLAN=plan-%s\nOAKUM_HOOK=%s\n' "$(printf %.12s "$PLAN")" "$(cut -f 5 "$W/hook")"
  } >"$W/environment" && cut -f 4 "$W/hook" >"$W/seconds" || exit 3
  new=$(mktemp -d "$OAKUM/hooks/.new.XXXXXX") || exit 3
  trap 'rm -rf "$W" "$new"' EXIT
  cp "$LIB/hook.sh" "$W/command" "$W/environment" "$W/seconds" "$new/" || exit 3
  exec 9>&-
  sh "$LIB/hook.sh" begin "$new" "$OAKUM/hooks/$1" || exit
}

may_begin_hook() { # number execution
  [ "$2" != "$done_as" ] || done_as= # Handed over, and not begun.
  if [ "$(cut -f 3 "$W/hook")" = after ]; then
    used upgrade || deny "this plan was not carried out here, and hook $1 comes after it"
    [ -z "$done_as" ] || deny "hook $1 was run here already, as $done_as"
    require_time undo-until
    return
  fi
  ! used upgrade || deny "this plan was carried out here, and hook $1 comes before it"
  if [ -n "$done_as" ]; then
    case "$done_as" in
      "${before:--}".hook-*) ;; # Its transaction was refused, and may be tried again: so may what comes before it.
      *) deny "hook $1 was run here already, as $done_as" ;;
    esac
  fi
  require_time install-until
  require_own_window
}

reboot_order() { # transaction
  T=$OAKUM/transactions/$1
  [ ! -L "$T" ] && [ -d "$T" ] || { echo "no such transaction" >&2; exit 3; }
  grep -qx "reboot${TAB}when-needed" "$T/settings" || deny "the plan of $1 allows no reboot"
  [ ! -e "$T/result" ] || grep -q "^reboot${TAB}" "$T/result" || deny "$1 needs no reboot"
  boot_again "$1"
}

# Nobody signed the question: only the index of a snapshot of ours is read, and whoever asks has no more of this host than
# one simulation for a while.
simulate_for() { # url suite
  below=$(setting_of snapshots "$URL") || exit 6
  id=${1##*/}
  [ "$1" = "$below/$id" ] && is_one "$SHA" "$id" ||
    deny "this is no snapshot's address below $below; if they are served elsewhere by now, prepare this host again"
  is_one "$SUITE" "$2" || deny "this is no suite"
  take_in '[kt]'
  given k >"$W/key.asc"
  given t >"$W/targets"
  all_lines "(\*|$KEY${TAB}[A-Za-z0-9][A-Za-z0-9.+:~-]*)" "$W/targets" || deny "these are no packages"
  tar -C "$W" -cf "$W/question.tar" key.asc targets || exit 3
  require_roots "$LIB/simulate.sh"
  own_lock "$OAKUM/simulate.lock" && exec 9>"$OAKUM/simulate.lock" || exit 3
  flock -w 120 9 || deny "another simulation is at work"
  timeout -k 10 "$SIMULATE_SECONDS" sh "$LIB/simulate.sh" "$1" "$2" stay-there <"$W/question.tar"
}

verify_order() { # verb and its arguments
  take_in 'o|k|[1-9]|1[0-6]'
  understand_order
  lock_orders
  case "$1" in
    begin) begin_order "$2" "${3:-}" ;;
    roll-back) roll_back_order "$2" "$3" ;;
    hook) hook_order "$2" "$3" "$4" ;;
  esac
}

obey() { # verb and its arguments
  for word in "$@"; do
    case "$word" in *"$NEWLINE"*) deny "an argument of several lines" ;; esac
  done
  case "$1 $#" in
    "begin 2" | "status 2" | "reboot 2" | "confirm 2" | "hook-status 2") is_name "$2" || deny "this is no transaction's name" ;;
    "hook 4") is_name "$2" && is_one "$NUMBER" "$3" && is_one 'do|undo' "$4" || deny "this is no hook's name" ;;
    "begin 3" | "roll-back 3") is_name "$2" && is_name "$3" && [ "$2" != "$3" ] || deny "this is no transaction's name" ;;
  esac
  case "$1 $#" in
    "begin 2" | "begin 3" | "roll-back 3" | "hook 4") verify_order "$@" ;;
    "reboot 2") reboot_order "$2" ;;
    "status 2")
      report "$OAKUM/transactions/$2"
      echo "end${TAB}ok"
      ;;
    "hook-status 2")
      require_roots "$LIB/hook.sh"
      sh "$LIB/hook.sh" status "$OAKUM/hooks/$2"
      ;;
    "confirm 2")
      [ ! -L "$OAKUM/transactions/$2" ] || deny "this is a symbolic link"
      confirm "$2"
      echo "end${TAB}ok"
      ;;
    "facts 2")
      is_one '[0-9a-f]{32}' "$2" || deny "this is no token"
      require_roots "$LIB/facts.sh"
      exec sh "$LIB/facts.sh" "$2"
      ;;
    "simulate 3") simulate_for "$2" "$3" ;;
    *) deny "there is no such verb" ;;
  esac
}

cd / || exit 3
for limit in f t d v; do ulimit "-$limit" unlimited; done # Whoever asked may not starve us half-way.
trap : HUP INT TERM                                       # He may go: what is decided is carried to its end.
trap '' TSTP TTIN TTOU                                    # Nor may he stop us between the clock and the deed, and go on later.
require_own_ground
[ $# -gt 0 ] || deny "which verb?"
obey "$@"
