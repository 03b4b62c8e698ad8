#!/bin/sh
# What watches over an upgrade that nobody has confirmed yet, until it is settled. $T is the upgrade's directory.

NEW_TRIES=5
NEXT_TRY=240 # Seconds.

watch() {
  trap 'exit 0' TERM # The host goes down: after the boot we count anew.
  pace=$(($(deadman_seconds) / 6 + 1))
  [ "$pace" -le "$OWN_PACE" ] || pace=$OWN_PACE
  if is_settled; then
    dismiss_deadman "$T"
  else
    sleep "$pace"
    exec sh "$0" deadman "$T" # Anew: what was upgraded meanwhile must not be held in memory by us.
  fi
}

is_settled() {
  case "$(deadman_state "$T")" in
    armed) fire_when_due ;;
    fired) ;;
    *) return 0 ;;
  esac
  [ -e "$T/deadman.fired" ] || return 1
  back=$(setting back)
  if [ -e "$OAKUM/transactions/$back/result" ]; then
    put_refused_aside "$OAKUM/transactions/$back" || return 0
    sleep "$NEXT_TRY"
    return 1
  fi
  # Also after a power cut in the middle of it: starting it again goes on with it.
  (go_back_unasked "$back") >>"$T/log" 2>&1
  return 1
}

# A way back that was refused, by a lock or for want of room, has put nothing back, and nobody else may be able to come
# in: another one of its name is tried. Fails when there is nothing to be tried again.
put_refused_aside() { # directory of the way back
  grep -qx "state${TAB}refused" "$1/result" && [ ! -e "$1.refused.$NEW_TRIES" ] || return 1
  number=1
  while [ -e "$1.refused.$number" ]; do number=$((number + 1)); done
  mv -T "$1" "$1.refused.$number"
}

# Nobody goes back from a transaction that is at work, nor beside anybody else's dpkg.
fire_when_due() {
  # Whoever asks for its status holds this lock for a moment, and is no transaction at work.
  flock -w 1 "$T/running" true || { count_anew; return; }
  read -r boot since <"$T/deadman.since" 2>/dev/null || { count_anew; return; }
  [ "$boot" = "$(boot_id)" ] || { count_anew; return; }
  [ $(($(seconds_up) - since)) -ge "$(deadman_seconds)" ] || return 0
  flock -n "$OAKUM/lock" true && [ -z "$(find_lock_holder 0 | about_a_lock)" ] || return 0
  # With the lock of the upgrade, which could be taken up again just now.
  flock -n "$T/running" mv -T "$T/deadman.armed" "$T/deadman.fired" 2>/dev/null || return 0
  sync "$T"
  STEP=deadman
  journal deadman fired "$(why_unasked)"
}

why_unasked() {
  echo "no controller confirmed within $(deadman_seconds) seconds that it found the host well"
}

# The same roll-back that the controller would order, under the same name: whoever comes second finds it begun.
go_back_unasked() { # transaction
  upgrade=$T
  claim_order "$1" || return
  new=$(mktemp -d "$OAKUM/transactions/.new.XXXXXX") || return
  trap 'rm -rf "$new"' EXIT
  cp "$upgrade/transaction.sh" "$upgrade/key.asc" "$new/" && cp "$upgrade/back.settings" "$new/settings" &&
    cp "$upgrade/back.tsv" "$new/changes.tsv" || return
  if [ -f "$upgrade/order" ]; then cp "$upgrade/order" "$upgrade"/signature.* "$new/" && cp "$upgrade/changes.tsv" "$new/undo.tsv" || return; fi
  said=$(why_unasked)
  T=$new
  journal deadman started "$said"
  T=$OAKUM/transactions/$1
  # One that the controller ordered and a power cut stopped is taken up, though its settings may be others by now.
  [ -d "$T" ] && cmp -s "$new/changes.tsv" "$T/changes.tsv" || put_in_place "$new"
  is_taken || { launch "$1"; wait_until_taken; }
}

# On a prepared host the order's way back is used up by this, and the plan does not come again. One that was refused has
# not used it, as for the verifier.
claim_order() { # transaction
  plan=$(setting plan)
  [ -f "$T/order" ] && [ -n "$plan" ] || return 0
  exec 9>"$OAKUM/orders/lock" && flock 9 || return 1
  used=$OAKUM/orders/$plan/roll-back
  if [ -e "$used" ] && ! grep -qsx "state${TAB}refused" "$OAKUM/transactions/$(cat "$used")/result"; then
    [ "$(cat "$used")" = "$1" ]
  else
    printf '%s\n' "$1" >"$used.new" && sync "$used.new" && mv "$used.new" "$used" && sync "$OAKUM/orders/$plan"
  fi
  claimed=$?
  exec 9>&-
  return $claimed
}
