#!/bin/sh
# One transaction, from lock to result. Started detached; needs nobody afterwards.
# $1 says how far in we are, $2 is the transaction's directory.

T=$2
R=$T/restore
W=$T
STEP=begin

trap : HUP INT TERM # A shutdown or a lost session waits for us: dpkg is never stopped in its work.

# First one process per id, then one transaction per host. flock itself holds the locks, so that no service which
# is started below can inherit them.
enter() {
  # Whoever asks for our status holds this lock for a moment: wait that long.
  exec flock -w 5 -o "$T/running" sh "$0" begun "$T"
}

begun() {
  [ ! -e "$T/result" ] || exit 0
  head -c 1048576 /dev/zero >"$T/reserve" 2>/dev/null # Room for the result, should the disk fill up meanwhile.
  if mkdir "$T/begun" 2>/dev/null; then journal begin started "$(boot_id)"; else journal resume started "$(boot_id)"; fi
  own_lock "$OAKUM/lock"
  flock -o -w "$(setting lock_seconds)" -E 75 "$OAKUM/lock" sh "$0" alone "$T"
  if [ $? = 75 ]; then
    STEP=lock
    refuse "another transaction is at work on this host: $(cat "$OAKUM/lock.holder" 2>/dev/null); wait for it"
  fi
}

alone() {
  basename "$T" >"$OAKUM/lock.holder"
  begin updaters
  without_updaters sh "$0" locked "$T"
  exit 0
}

locked() {
  # What held the lock may have ended because the host goes down: then nothing is begun, nor gone on with.
  leave_if_going_down
  isolate_apt "$T/apt" "$(setting url)" "$(setting suite)" "$T/key.asc" || refuse "cannot write in $T; is the disk full?"
  natively <"$T/changes.tsv" >"$T/changes"
  case "$(setting mode)" in
    upgrade) upgrade ;;
    roll-back) roll_back ;;
  esac
}

upgrade() {
  # The watch waited until nothing was at work, and the lock that it took then is ours now.
  [ ! -e "$T/deadman.fired" ] || finish failed "nobody confirmed it in time, so the host goes back by itself as $(setting back)"
  begin preflight
  preflight
  begin compare
  update_index || refuse "the snapshot cannot be read: $(errors_of "$A/update.log")"
  if [ -e "$T/changed" ]; then resume; else compare_with_plan; fi
  done_with
  begin download
  download
  begin restore-point
  make_restore_point "$T/changes" || refuse "no restore point: $(cat "$T/why" 2>/dev/null || echo 'is the disk full?')"
  write_inverse || refuse "cannot write in $T; is the disk full?"
  done_with
  begin deadman
  problem=$(arm_deadman) || refuse "the host cannot watch over itself: ${problem:-is the disk full?}"
  done_with "$(deadman_in_words)"
  begin install
  mark_changed || refuse "cannot write in $T; is the disk full?"
  # shellcheck disable=SC2046  # nothing, or one option
  if ! install_changes "$T/changes" $(removal_option) --allow-downgrades; then undo "$(cat "$T/why")"; fi
  mark_new_packages "$T/changes"
  restore_marks
  journal install "done"
  name_kept_conffiles
  begin restarts
  restart_affected
  done_with
  check_self
}

deadman_in_words() {
  case "$(deadman_seconds)" in
    0) echo "switched off" ;;
    *) echo "goes back by itself unless confirmed within $(deadman_seconds) seconds after the end" ;;
  esac
}

# A plan without removals forbids them; one with approved removals is held to them by the comparison.
removal_option() {
  grep -q "^remove$TAB" "$T/changes" || echo --no-remove
}

preflight() {
  # Half-way there is no room for another choice: dpkg says itself when it has none.
  short=$([ -e "$T/changed" ] || check_room)
  [ -z "$short" ] || refuse "$(printf '%s' "$short" | one_line)"
  wait_for_lock
  if [ ! -e "$T/changed" ]; then
    problems=$(find_obstacles; printf '%s' "$said")
    [ -z "$problems" ] || refuse "$(printf '%s' "$problems" | head -n 4 | one_line)"
    list_held | while IFS= read -r name; do cut -f 2 "$T/changes" | sed 's/:[^:]*$//' | grep -xF "$name"; done >"$T/held"
    [ ! -s "$T/held" ] || refuse "held by the administrator: $(one_line <"$T/held"); unhold or plan without"
  fi
  done_with
}

# Wait for dpkg's lock; what apt finds broken is left in $said. Who holds it lets go of it some time: a host that is
# half-way, or is to go back, is not left so for that: it is taken up again by whoever asks for it.
wait_for_lock() {
  wait=$(setting lock_seconds)
  said=$(find_lock_holder "$wait")
  locked_by=$(printf '%s' "$said" | about_a_lock)
  [ -n "$locked_by" ] || return 0
  [ -e "$T/changed" ] || [ "$(setting mode)" = roll-back ] || refuse "$locked_by; waited $wait seconds"
  journal "$STEP" interrupted "$locked_by; waited $wait seconds; what is left is done when it is gone"
  exit 0
}

# Downloads twice (new and old), the restore point, and room for dpkg to unpack before it removes.
check_room() {
  bytes=$(setting download_bytes)
  need_room "$OAKUM" $((bytes * 2 + 33554432))
  need_room /usr $((bytes * 4 + 33554432))
  need_room /var/lib/dpkg 33554432
  need_room /etc 8388608
  if grep -q "${TAB}linux-image-" "$T/changes"; then need_room /boot 262144000; fi
}

# Why `remaining` failed. Where it had no word for it, there was no room for its answer.
why_other() {
  case "$(cat "$T/drift")" in
    '' | *'is the disk full?') echo "cannot write in $T; is the disk full?" ;;
    *) echo "drift: $(one_line <"$T/drift"); scan and plan again" ;;
  esac
}

compare_with_plan() {
  remaining "$T/changes" >"$T/left" 2>"$T/drift" || refuse "$(why_other)"
  # shellcheck disable=SC2046
  compare "$T/changes" $(removal_option) --allow-downgrades install $(apt_targets "$T/changes") ||
    refuse "drift: $(cat "$T/why"); scan and plan again"
  refuse_pinned
}

# A pin that came after the plan is the administrator's word too.
refuse_pinned() {
  has_pins || return 0
  # shellcheck disable=SC2046
  names=$(cut -f 2 "$T/changes" | apt_names)
  # shellcheck disable=SC2086
  apt-cache policy $names >"$T/policy" 2>/dev/null
  # shellcheck disable=SC2086
  apt-cache $HOST_PINS policy $names >"$T/policy.pinned" 2>/dev/null
  for file in policy policy.pinned; do
    awk '/^[^ ].*:$/ { name = $0 } /^  Candidate: / { print name " " $2 }' "$T/$file" | sort >"$T/$file.short"
  done
  pinned=$(comm -23 "$T/policy.short" "$T/policy.pinned.short" | one_line)
  [ -z "$pinned" ] || refuse "pinned by the administrator: $pinned; remove the pin or plan without"
}

has_pins() {
  for file in /etc/apt/preferences /etc/apt/preferences.d/*; do [ ! -e "$file" ] || return 0; done
  return 1
}

# After an interruption: let dpkg finish, then see what of the plan is left. One that was going back goes on with that.
resume() {
  [ ! -e "$T/undoing" ] || undo "$(cat "$T/undoing")"
  run_dpkg --configure -a
  if ! remaining "$T/changes" >"$T/left" 2>"$T/drift"; then
    undo "after the interruption: $(one_line <"$T/drift")"
  fi
  journal compare "done" "$(wc -l <"$T/left") changes are left after the interruption"
}

# Everything is on disk and checked before anything changes: the network cannot fail in the middle.
download() {
  # What is left the comparison has just written down.
  [ -s "$T/left" ] || { done_with "nothing is left to fetch"; return; }
  # shellcheck disable=SC2046
  run_apt $(removal_option) --allow-downgrades --download-only install $(apt_targets "$T/left") ||
    refuse "download failed: $(errors_of "$T/step.log")"
  # What there is no room to write down must not look like a package that is lacking, or that nobody planned.
  digest_packages "$A/archives" "$T/new.sha256" && cut -d ' ' -f 1 "$T/new.sha256" | sort -u >"$T/sums" &&
    digests_of "$T/left" >"$T/sums.planned" && digests_of "$T/changes" >"$T/sums.all" &&
    comm -13 "$T/sums" "$T/sums.planned" >"$T/sums.missing" || refuse "cannot write in $T; is the disk full?"
  if [ -s "$T/sums.missing" ]; then
    wrong=$(grep -F -f "$T/sums.missing" "$T/left" | cut -f 2 | head -n 4)
    refuse "the packages are not those that were approved (sha256 differs): $(printf '%s' "$wrong" | one_line); verify the snapshot"
  fi
  # What lies there beside them could be taken in their place.
  strange=$(comm -23 "$T/sums" "$T/sums.all" | wc -l)
  [ "$strange" = 0 ] || refuse "$strange packages were fetched that are not in the plan; verify the snapshot"
  done_with "$(wc -l <"$T/sums.planned") packages, each with the planned sha256"
}

digests_of() { # changes
  awk -F '\t' '$5 != "-" { print $5 }' "$1" | sort -u
}

# undo REASON: the last rung. The true reason is kept; that the host was put back is said beside it.
undo() {
  leave_if_going_down
  reason=${1:-$(why_unwritten "$T/why")}
  free_reserve
  printf '%s\n' "$reason" >"$T/undoing.new" && sync "$T/undoing.new" && mv "$T/undoing.new" "$T/undoing" && sync "$T"
  begin undo "$reason"
  if [ "$(setting may_undo)" != yes ]; then finish failed "$reason; this plan has no way back by itself: look at the host"; fi
  if gather "$T/inverse.tsv" && go_back "$T/inverse.tsv"; then
    settle_back "$T/inverse.tsv"
    settle_deadman "$T" withdrawn
    drop_snapshots "$(basename "$T")"
    finish failed "$reason; every package is back at its old version"
  fi
  if remaining "$T/inverse.tsv" >"$T/left" 2>/dev/null && [ ! -s "$T/left" ]; then
    # What is broken now is not of this plan: somebody else left it, and dpkg stops at it.
    finish failed "every package is back at its old version, but $(find_broken_states | one_line | cut -c1-200); before: $reason"
  fi
  finish failed "$reason; and going back failed too: $(cat "$T/why"); look at $T/log"
}

# What follows every way back: files, marks, services.
settle_back() { # changes
  restore_conffiles "$1"
  [ ! -e "$R/complete" ] || { restore_marks; restore_holds; }
  begin restarts
  restart_affected
  wake_services
  done_with
}

# Services that ran at the restore point and do not run now are started again.
wake_services() {
  { has_systemd && [ -s "$R/units" ]; } || return 0
  awk -F '\t' '$2 == "active" { print $1 }' "$R/units" | while IFS= read -r unit; do
    [ "$(systemctl show -P ActiveState "$unit")" = failed ] || [ -n "$(touched_unit "$unit")" ] || continue
    [ "$(systemctl show -P ActiveState "$unit")" != active ] || [ -s "$T/conffiles.differ" ] || continue
    systemctl reset-failed "$unit" 2>/dev/null
    [ "$(treatment_of "$unit")" = restart ] || continue
    if in_time systemctl -q restart "$unit"; then
      journal restarts "done" "$unit started again"
      printf '%s\n' "$unit" >>"$T/restarted"
    else
      journal restarts failed "$unit does not start: $(one_line <"$T/restart.log")"
    fi
  done
}

# Print the unit if a changed package ships it.
touched_unit() {
  dpkg-query -S "*/systemd/system/$1" 2>/dev/null | sed 's/: .*//' | tr ',' '\n' | sed 's/^ *//; s/:.*//' |
    while IFS= read -r name; do grep -q "$TAB$name:" "$T/changes" && echo "$1"; done | head -n 1
}

# What differs may be a secret: it stays here, readable by root, until root asks for it.
name_kept_conffiles() {
  rm -f "$T/kept" && (umask 077 && : >"$T/conffiles.diff")
  {
    find /etc -name '*.dpkg-dist' 2>/dev/null | sort | comm -13 "$R/leftovers" -
    find /etc -name '*.ucf-dist' -cnewer "$R/complete" 2>/dev/null | sort
  } | while IFS= read -r path; do
    mine=${path%.*-dist}
    journal conffiles "done" "kept $mine as it was changed here; the new version is beside it as $path"
    diff -u -- "$mine" "$path" | head -c 65536 >>"$T/conffiles.diff"
    differing=$(diff -- "$mine" "$path" | grep -c '^[<>]')
    printf '%s\t%s\n' "$differing" "$mine" >>"$T/kept"
  done
}

roll_back() {
  begin preflight
  wait_for_lock
  undoes=$(setting undoes)
  [ -z "$undoes" ] || R=$OAKUM/transactions/$undoes/restore
  done_with "$([ -e "$R/complete" ] && echo 'from the restore point' || echo 'there is no restore point: packages from the snapshot')"
  begin compare
  compare_way_back
  done_with
  begin install
  mark_changed || refuse "cannot write in $T; is the disk full?"
  if ! go_back "$T/changes"; then finish failed "$(cat "$T/why"); look at $T/log"; fi
  journal install "done"
  settle_back "$T/changes"
  check_self
}

# A healthy host must agree with the plan; on a broken one apt cannot be asked, and dpkg is held to the plan afterwards.
compare_way_back() {
  remaining "$T/changes" >"$T/left" 2>"$T/drift" || refuse "$(why_other)"
  [ -s "$T/left" ] || { journal compare "done" "every package is at its old version already"; return; }
  gather "$T/left" || refuse "$(cat "$T/why")"
  short=$(need_room /usr 67108864)
  [ -z "$short" ] || refuse "$short"
  if [ -n "$(find_broken_states)" ]; then
    journal compare "done" "dpkg is in a broken state: $(find_broken_states | head -n 2 | one_line)"
    return
  fi
  # shellcheck disable=SC2046
  compare "$T/left" --allow-downgrades --purge install $(back_targets "$T/left") || refuse "drift: $(cat "$T/why")"
}

# The last word is not an exit code but what is there.
check_self() {
  begin self-check
  wrong=$(remaining "$T/changes" 2>&1 | cut -f 1-4; find_broken_states)
  [ -z "$wrong" ] || finish failed "not as planned: $(printf '%s' "$wrong" | head -n 4 | one_line)"
  [ "$(setting mode)" = upgrade ] || compare_with_restore_point
  broken=$(list_broken_units)
  [ -z "$broken" ] || finish failed "services do not run as before: $(printf '%s' "$broken" | one_line)"
  done_with
  [ "$(setting mode)" = upgrade ] || drop_snapshots "$(setting undoes)"
  finish succeeded ""
}

# Of the packages that we touched nothing may differ; what others changed meanwhile is named, and not ours to undo.
compare_with_restore_point() {
  [ -e "$R/complete" ] || return 0
  list_packages >"$T/packages"
  apt-mark showauto | sort >"$T/auto"
  { comm -3 "$R/packages" "$T/packages" | tr -s '\t' ' '; comm -3 "$R/auto" "$T/auto" | sed 's/^\t*/auto mark of /'; } >"$T/differ"
  cut -f 2 "$T/changes" | sed 's/:[^:]*$//' >"$T/names"
  ours=$(grep -w -F -f "$T/names" "$T/differ" | head -n 4)
  [ -z "$ours" ] || finish failed "not as before: $(printf '%s' "$ours" | one_line)"
  [ ! -s "$T/differ" ] || journal self-check "done" "changed by others since: $(head -n 4 "$T/differ" | one_line)"
}

# Units that ran before and do not now: failed anywhere, or in any way down if a changed package ships them.
list_broken_units() {
  { has_systemd && [ -f "$R/units" ]; } || return 0
  sleep 1
  list_units >"$T/units"
  awk -F '\t' 'FILENAME == ARGV[1] { before[$1] = $2; next } before[$1] == "active" && $2 != "active" { print }
    before[$1] != "failed" && before[$1] != "active" && $2 == "failed" { print }' "$R/units" "$T/units" |
    while IFS=$TAB read -r unit state; do
      if [ "$state" = failed ] || [ -n "$(touched_unit "$unit")" ]; then echo "$unit is $state,"; fi
    done
}

case "$1" in
  enter) enter ;;
  begun) begun ;;
  alone) alone ;;
  locked) locked ;;
  deadman) watch ;;
esac
