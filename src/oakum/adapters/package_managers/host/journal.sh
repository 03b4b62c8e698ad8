#!/bin/sh
# What a transaction writes down: a journal line a step, made durable at once, and one result.
# $T is the transaction's directory.

setting() {
  while IFS=$TAB read -r name value; do [ "$name" != "$1" ] || printf '%s\n' "$value"; done <"$T/settings"
}

# journal STEP OUTCOME [DETAIL]
journal() {
  detail=${3-}
  # Most is one line already: then no program has to be started for it.
  case "$detail" in *[!\ -~]* | *'  '* | ' '* | *' ') detail=$(printf '%s' "$detail" | one_line) ;; esac
  [ ${#detail} -le 600 ] || detail=$(printf '%s' "$detail" | one_line)
  printf '%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "$detail" >>"$T/journal"
  sync -d "$T/journal"
}

begin() {
  STEP=$1
  journal "$STEP" started "${2:-}"
}

done_with() {
  journal "$STEP" "done" "${1:-}"
}

# From here on the host is no longer as it was: whatever stops us is a failure, not a refusal.
mark_changed() {
  touch "$T/changed" && sync "$T/changed" "$T"
}

# leave_if_going_down: while a system goes down, services end and none can be started, whatever we did: nothing that
# is seen then is our result. Without one we are taken up again when the host is back, and judged by what is there.
leave_if_going_down() {
  has_systemd && [ "$(systemctl is-system-running 2>/dev/null)" = stopping ] || return 0
  journal "$STEP" interrupted "the host is going down; what is left is done when it is back"
  exit 0
}

# Room that was kept for the end, should the disk have filled up meanwhile.
free_reserve() { rm -f "$T/reserve"; }

# finish STATE REASON: end the transaction. The result appears at once or not at all.
finish() {
  [ "$1" = succeeded ] || leave_if_going_down
  why=$(with_advice "$2") # Before there is room again.
  free_reserve
  rm -rf "$T/apt/archives" "$T/apt/lists"
  stand_down "$1"
  journal "$STEP" "$1" "$why"
  {
    printf 'state\t%s\nstep\t%s\nreason\t%s\n' "$1" "$STEP" "$why"
    [ ! -f "$T/restarted" ] || sort -u "$T/restarted" | sed "s/^/restarted$TAB/"
    [ ! -f "$T/kept" ] || sed "s/^/kept$TAB/" "$T/kept"
    [ ! -f "$T/reboot" ] || printf 'reboot\t%s\n' "$(reboot_reason <"$T/reboot" | one_line)"
  } >"$T/result.new"
  sync "$T/result.new" && mv "$T/result.new" "$T/result" && sync "$T"
  exit 0
}

# What has changed nothing needs no way back: an upgrade that was taken up again may be refused with its deadman armed,
# which would undo what comes after it. And what a roll-back is watched over for is done when that has ended, not when it
# begins: the power may go in the middle. One that was refused has done nothing.
stand_down() { # state
  case "$(setting mode) $1" in
    upgrade\ refused) [ ! -e "$T/deadman.armed" ] || settle_deadman "$T" withdrawn ;;
    roll-back\ refused) ;;
    roll-back\ *) [ -z "$(setting undoes)" ] || settle_deadman "$OAKUM/transactions/$(setting undoes)" withdrawn ;;
  esac
}

# A reason may be long, and what to do about it stands at its end: the middle goes first.
with_advice() { # reason
  said=$1
  case "$1" in
    '' | *'No space left'* | *'make room'* | *'disk full'*) ;;
    # Whatever failed: on a full disk the words for it may be what there was no room for.
    *) said="$1 $(why_unwritten "$T/journal")" ;;
  esac
  next=$(advice "$said")
  printf '%s%s' "$(printf '%s' "$said" | one_line | cut -c1-440)" "${next:+; $next}"
}

# Owners of old code are named once each, whatever number of files they map; other reasons stay as they are.
reboot_reason() {
  sort -u | awk '
    { owner = $0 }
    sub(/ maps old .*/, "", owner) { if (!(owner in seen)) { seen[owner]; owners = owners (owners ? ", " : "") owner }; next }
    { other = other (other ? "; " : "") $0 }
    END { if (owners) owners = "old code runs in " owners; print owners (owners && other ? "; " : "") other }'
}

# refuse REASON: end before anything was changed. After an interruption it is too late for that: then undo, or fail.
refuse() {
  [ -e "$T/changed" ] || finish refused "$1"
  case "$(setting mode) $STEP" in
    upgrade\ compare | upgrade\ download | upgrade\ restore-point) undo "after an interruption: $1" ;;
    *) finish failed "the host was changed before it was interrupted, and going on is refused: $1" ;;
  esac
}
