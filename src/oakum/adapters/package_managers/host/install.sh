#!/bin/sh
# Changing the packages, and the ladder that is climbed when it does not end well.

# Write down the way back: the whole of it, or none. One that is cut off would look as if it had led there.
write_inverse() {
  invert_changes "$T/changes" >"$T/inverse.new" &&
    [ "$(grep -c "$TAB[0-9a-f]\{64\}\$\|$TAB-$TAB-\$" "$T/inverse.new")" = "$(wc -l <"$T/changes")" ] &&
    sync "$T/inverse.new" && mv "$T/inverse.new" "$T/inverse.tsv"
}

# remaining CHANGES: of these, print those that have not come about yet; fail on a version that is neither old nor new.
remaining() {
  # A list that is cut off lacks packages: they would look removed, and what was to be removed as if it were.
  list_packages | grep '^.[^nc]' >"$T/now" || { echo "cannot write in $T; is the disk full?" >&2; return 1; }
  awk -F '\t' -v OFS='\t' -v native="$NATIVE" "$NAMES"'
    FILENAME == ARGV[1] { version[same($2)] = $3; status[same($2)] = $1; next }
    {
      key = same($2); is = key in version ? version[key] : "-"
      if (is == $4 && (is == "-" || status[key] ~ /^.i *$/)) next
      if (is != $3 && is != $4) { print $2 " is at " is ", neither at " $3 " nor at " $4 > "/dev/stderr"; bad = 1 }
      print
    }
    END { exit bad }' "$T/now" "$1"
}

# compare WANTED: hold what apt (called by simulate_install with the further arguments) would do against the plan.
compare() {
  wanted=$1
  shift
  if ! simulate_install "$@" >"$T/would"; then
    echo "apt finds no way: $(cat "$A/simulation" "$A/simulation.log" >"$T/sim.log"; errors_of "$T/sim.log")" >"$T/why"
    return 1
  fi
  cut -f 1-4 "$wanted" | natively >"$T/wanted"
  natively <"$T/would" >"$T/would.sorted"
  if cmp -s "$T/wanted" "$T/would.sorted"; then return 0; fi
  {
    echo "the host would do something else than the plan says:"
    comm -23 "$T/wanted" "$T/would.sorted" | head -n 3 | sed 's/^/ only the plan: /'
    comm -13 "$T/wanted" "$T/would.sorted" | head -n 3 | sed 's/^/ only the host: /'
  } | one_line >"$T/why"
  return 1
}

natively() {
  awk -F '\t' -v OFS='\t' -v native="$NATIVE" "$NAMES"'{ $2 = same($2); print }' | sort
}

# run_apt ARGUMENTS: apt-get for real. Its words go to the log; nobody can answer a prompt.
# Under a signed order it installs what was downloaded and checked, and fetches nothing besides.
run_apt() {
  fetching=
  case " $* " in
    *" --download-only "*) ;;
    *) [ ! -f "$T/undo.tsv" ] || fetching=--no-download ;;
  esac
  echo "=== apt-get $fetching $*"
  # shellcheck disable=SC2086  # nothing, or one option
  apt-get -y -q -o DPkg::Lock::Timeout="$(setting lock_seconds)" $fetching "$@" </dev/null >"$T/step.log" 2>&1
  code=$?
  cat "$T/step.log"
  return $code
}

run_dpkg() {
  echo "=== dpkg $*"
  dpkg --force-confdef --force-confold "$@" </dev/null >"$T/step.log" 2>&1
  code=$?
  cat "$T/step.log"
  return $code
}

# has_arrived CHANGES: every change has come about and dpkg has nothing left to do. Exit codes are not asked.
has_arrived() {
  remaining "$1" >"$T/left" 2>/dev/null || return 1
  [ ! -s "$T/left" ] && [ -z "$(find_broken_states)" ]
}

# install_changes CHANGES OPTIONS FOR apt-get: install, and climb the ladder. The reason of a failure is in $T/why.
install_changes() {
  changes=$1
  shift
  remaining "$changes" >"$T/left" 2>"$T/drift"
  if [ -s "$T/left" ]; then
    # shellcheck disable=SC2046
    run_apt "$@" install $(apt_targets "$T/left")
    has_arrived "$changes" && return 0
    errors_of "$T/step.log" >"$T/why"
    journal install failed "$(cat "$T/why")"
  fi
  climb "$changes" "$@"
}

# The first rungs: finish what was begun. `dpkg --configure`, then apt's own repair, then what is left of the plan.
climb() {
  changes=$1
  shift
  begin recover "dpkg --configure -a"
  run_dpkg --configure -a
  has_arrived "$changes" && { done_with "by dpkg --configure -a"; return 0; }
  half_installed "$changes" >"$T/half"
  if [ -s "$T/half" ]; then
    journal recover started "dpkg with the fetched packages: $(one_line <"$T/half")"
    unpack_again "$T/half"
    has_arrived "$changes" && { done_with "by dpkg with the fetched packages"; return 0; }
  fi
  journal recover started "apt-get --fix-broken install"
  run_apt --no-remove --fix-broken install
  has_arrived "$changes" && { done_with "by apt-get --fix-broken install"; return 0; }
  [ -z "$(find_broken_states)" ] || [ -n "$(half_installed "$changes")" ] || { say_why; return 1; }
  remaining "$changes" >"$T/left" 2>"$T/drift" || { say_why; return 1; }
  journal recover started "the rest of the plan again"
  # shellcheck disable=SC2046
  run_apt "$@" install $(apt_targets "$T/left")
  has_arrived "$changes" && { done_with "by installing the rest again"; return 0; }
  say_why
  return 1
}

# Packages of the plan that dpkg was killed in: each wants its archive again, and so the rest of the plan. What is broken
# otherwise does not.
half_installed() { # changes
  cut -f 2 "$1" >"$T/planned"
  list_packages | awk -F '\t' '$1 ~ /^.H/ || $1 ~ /^..R/ { print $2 }' | grep -xF -f "$T/planned"
}

# dpkg refuses to configure such a package, and apt stops at that before it would unpack it anew.
unpack_again() { # keys
  while IFS= read -r key; do find "$A/archives" -maxdepth 1 -name "${key%:*}_*.deb"; done <"$1" >"$T/again"
  # shellcheck disable=SC2046
  [ ! -s "$T/again" ] || run_dpkg --unpack $(cat "$T/again")
  run_dpkg --configure -a
}

say_why() {
  [ -s "$T/why" ] || errors_of "$T/step.log" >"$T/why"
  [ -s "$T/why" ] || find_broken_states | head -n 3 | one_line >"$T/why"
  [ -s "$T/why" ] || one_line <"$T/drift" >"$T/why"
  journal "$STEP" failed "$(cat "$T/why")"
}

# restore_marks: put automatic and manual marks and holds back to what the restore point says, for all that is installed.
restore_marks() {
  for mark in auto manual; do
    lost=$(lost_marks "$mark")
    [ -n "$lost" ] || continue
    # All at once, as apt reads everything anew for each call; then each that a name apt does not know kept back.
    printf '%s\n' "$lost" | xargs apt-mark -q "$mark" >/dev/null 2>&1
    lost_marks "$mark" | while IFS= read -r name; do
      apt-mark -q "$mark" "$name" >/dev/null 2>&1
    done
  done
}

lost_marks() { apt-mark "show$1" | sort | comm -13 - "$R/$1"; }

# New names came as dependencies of others: automatic, so that a later autoremove knows.
mark_new_packages() { # changes
  awk -F '\t' '$1 == "install" { print $2 }' "$1" | apt_names | xargs -r apt-mark -q auto >/dev/null 2>&1
}
