#!/bin/sh
# What a transaction writes down: a journal line a step, made durable at once, and one result.
# $T is the transaction's directory.

setting() {
  sed -n "s/^$1$TAB//p" "$T/settings"
}

# journal STEP OUTCOME DETAIL
journal() {
  printf '%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "$(printf '%s' "$3" | one_line)" >>"$T/journal"
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
  : >"$T/changed" && sync "$T/changed" "$T"
}

# finish STATE REASON: end the transaction. The result appears at once or not at all.
finish() {
  give_back_updaters
  rm -f "$T/reserve"
  rm -rf "$T/apt/archives" "$T/apt/lists"
  journal "$STEP" "$1" "$2"
  {
    printf 'state\t%s\nstep\t%s\nreason\t%s\n' "$1" "$STEP" "$(printf '%s' "$2" | one_line)"
    [ ! -f "$T/restarted" ] || sort -u "$T/restarted" | sed "s/^/restarted$TAB/"
    [ ! -f "$T/reboot" ] || printf 'reboot\t%s\n' "$(reboot_reason <"$T/reboot" | one_line)"
  } >"$T/result.new"
  sync "$T/result.new" && mv "$T/result.new" "$T/result" && sync "$T"
  exit 0
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
