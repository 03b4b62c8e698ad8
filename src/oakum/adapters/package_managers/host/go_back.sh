#!/bin/sh
# Going back to exact old versions, from states in which the new version may be broken.

# gather CHANGES: put the .deb of each change into $T/debs, checked by its digest: kept ones first, then the snapshot's.
gather() {
  mkdir -p "$T/debs" "$T/fetched"
  find "$R/debs" "$T/fetched" -name '*.deb' -exec sha256sum {} + 2>/dev/null >"$T/at.hand"
  while IFS=$TAB read -r _ key _ new sha; do
    [ "$new" != - ] || continue
    take "$sha" && continue
    fetch_one "$(apt_name "$key")=$new"
    find "$T/fetched" -name '*.deb' -exec sha256sum {} + >>"$T/at.hand"
    take "$sha" && continue
    echo "$key $new is neither in the restore point nor to be had from the snapshot: $(errors_of "$A/update.log")" >"$T/why"
    return 1
  done <"$1"
}

# take DIGEST: link the package with this digest, if it is at hand.
take() {
  deb=$(sed -n "s/^$1  //p" "$T/at.hand" | head -n 1)
  [ -n "$deb" ] || return 1
  cp -l -f "$deb" "$T/debs/" 2>/dev/null || cp -f "$deb" "$T/debs/"
}

fetch_one() {
  if [ ! -e "$T/fetched/index" ]; then update_index && : >"$T/fetched/index" || return 1; fi
  (cd "$T/fetched" && apt-get -q download "$1") </dev/null >"$A/update.log" 2>&1
}

# What apt is told: the files themselves, so that no index and no network is needed, and the names that go.
back_targets() { # changes
  find "$T/debs" -name '*.deb' | sort
  awk -F '\t' '$1 == "remove"' "$1" >"$T/goes"
  apt_targets "$T/goes"
}

# go_back CHANGES: bring them about, climbing as far as needed. The reason of a failure is in $T/why.
go_back() {
  back=$1
  remaining "$back" >"$T/left" 2>"$T/drift"
  if [ -s "$T/left" ] && others=$(removed_besides "$back") && [ -n "$others" ]; then
    journal "$STEP" failed "apt would remove what is not in the plan ($(printf '%s' "$others" | one_line)): dpkg goes back without it"
  elif [ -s "$T/left" ]; then
    # shellcheck disable=SC2046
    run_apt --allow-downgrades --purge install $(back_targets "$back")
    has_arrived "$back" && return 0
    errors_of "$T/step.log" >"$T/why"
    journal "$STEP" failed "apt: $(cat "$T/why")"
  elif has_arrived "$back"; then
    return 0
  fi
  begin recover "dpkg with the kept packages"
  go_back_with_dpkg "$back"
  has_arrived "$back" && { done_with "by dpkg"; return 0; }
  begin recover "maintainer scripts of the broken version are put aside"
  silence_scripts "$back"
  go_back_with_dpkg "$back"
  has_arrived "$back" && { done_with "without the broken version's scripts"; return 0; }
  put_files_back "$back" && has_arrived "$back" && { done_with "by the snapshot's files"; return 0; }
  say_why
  return 1
}

# Print what apt would remove besides: it may need the version that we leave, and would be purged. On a healthy host the
# comparison with the plan forbids it; on a broken one there was none.
removed_besides() { # changes
  # shellcheck disable=SC2046
  simulate_install --allow-downgrades --purge install $(back_targets "$1") >"$T/would" || return 0
  awk -F '\t' -v native="$NATIVE" "$NAMES"'
    FILENAME != "-" { if ($1 == "remove") planned[same($2)]; next }
    $1 == "remove" && !(same($2) in planned) { print $2 }' "$1" - <"$T/would"
}

go_back_with_dpkg() { # changes
  if [ -n "$(find "$T/debs" -name '*.deb')" ]; then
    # shellcheck disable=SC2046
    run_dpkg --force-downgrade --unpack $(find "$T/debs" -name '*.deb' | sort)
  fi
  run_dpkg --configure -a
  awk -F '\t' '$1 == "remove" { print $2 }' "$1" | apt_names >"$T/purge"
  # One that dpkg was stopped in wants its archive again, and it is going.
  # shellcheck disable=SC2046
  [ ! -s "$T/purge" ] || run_dpkg --force-remove-reinstreq --purge $(cat "$T/purge")
  run_dpkg --configure -a
}

# The version that we leave must not be able to forbid it. Its scripts are kept in $T/silenced.
silence_scripts() { # changes
  mkdir -p "$T/silenced"
  remaining "$1" 2>/dev/null >"$T/left"
  cut -f 2 "$T/left" | while IFS= read -r key; do
    for script in preinst prerm postinst postrm; do
      for file in "/var/lib/dpkg/info/${key%:*}.$script" "/var/lib/dpkg/info/$key.$script"; do
        [ -f "$file" ] || continue
        # After an interruption what stands there may be ours already.
        [ -e "$T/silenced/${file##*/}" ] || cp -p "$file" "$T/silenced/"
        printf '#!/bin/sh\nexit 0\n' >"$file"
        journal recover "done" "put aside ${file##*/}"
      done
    done
  done
}

# Put configuration files of the touched packages back, byte by byte; keep what stood there in between.
restore_conffiles() {
  [ -e "$R/complete" ] || return 0
  cut -f 2 "$1" | apt_names | xargs -r dpkg-query -W -f '${Conffiles}\n' 2>/dev/null >"$T/conffiles.now"
  if [ -s "$R/conffiles" ]; then
    [ -e "$T/conffiles.replaced.tar" ] || keep_conffiles
    tar -C / --compare --file "$R/conffiles.tar" >"$T/conffiles.differ" 2>&1
    tar -C / -xpf "$R/conffiles.tar" || return 1
    [ ! -s "$T/conffiles.differ" ] || journal conffiles "done" "put back: $(head -n 5 "$T/conffiles.differ" | one_line)"
  fi
  [ ! -f "$R/conffiles.gone" ] || while IFS= read -r path; do set_aside "$path"; done <"$R/conffiles.gone"
  find /etc -name '*.dpkg-*' 2>/dev/null | sort | comm -13 "$R/leftovers" - >"$T/conffiles.beside"
  of_our_conffiles | while IFS= read -r path; do set_aside "$path"; done
  remove_newer_conffiles
}

# Once: after an interruption what stands there may be what we put back. It may hold secrets, and everybody may look into
# our directory.
keep_conffiles() {
  (umask 077 && tar -C / -cf "$T/conffiles.replaced.new" --ignore-failed-read --files-from "$R/conffiles" 2>/dev/null)
  mv "$T/conffiles.replaced.new" "$T/conffiles.replaced.tar"
}

# Of the files that dpkg put beside configuration files since, print those of the touched packages. Somebody may have
# changed other packages: what dpkg kept for him then is the only copy. A .dpkg-new is nobody's once no package is half
# unpacked, and that of a file which only the newer version had is known to no package.
of_our_conffiles() {
  { cut -c 35- "$R/conffiles.md5"; sed -n 's/^ \(.*\) [0-9a-f]\{32\}\( obsolete\)\{0,1\}$/\1/p' "$T/conffiles.now"; } | awk '
    FILENAME != "-" { path = $0; sub(/\.dpkg-[^\/]*$/, "", path); if (path in ours || $0 ~ /\.dpkg-new$/) print; next }
    { ours[$0] }' - "$T/conffiles.beside"
}

# Remove a configuration file that was not there before, but keep what somebody may have written into it since.
set_aside() { # path
  [ -e "$1" ] || [ -L "$1" ] || return 0
  mkdir -p -m 700 "$T/conffiles.removed"
  cp -a --parents -- "$1" "$T/conffiles.removed/" 2>/dev/null
  rm -f -- "$1"
}

# Configuration files that only the newer version had: dpkg keeps them as obsolete, but they were not there before.
remove_newer_conffiles() {
  sed -n 's/^ \(.*\) [0-9a-f]\{32\} obsolete$/\1/p' "$T/conffiles.now" | while IFS= read -r path; do
    tar -tzf "$R/etc.tar.gz" "${path#/}" >/dev/null 2>&1 || set_aside "$path"
  done
}

# Holds belong to dpkg's selections; a package that was gone in between has lost its own.
restore_holds() {
  list_packages | grep '^h' | cut -f 2 >"$T/held.now"
  sed -n 's/^h[^\t]*\t\([^\t]*\)\t.*/\1/p' "$R/packages" | while IFS= read -r key; do
    grep -qxF "$key" "$T/held.now" || apt-mark -q hold "$(apt_name "$key")" >/dev/null 2>&1
  done
}
