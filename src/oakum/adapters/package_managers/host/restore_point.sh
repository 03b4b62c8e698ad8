#!/bin/sh
# The restore point: all that is needed to go back without any network. Written once, before the change.
# $R is its directory; $R/complete says that it is whole.

make_restore_point() { # changes
  [ ! -e "$R/complete" ] || return 0
  rm -rf "$R" && mkdir -m 700 "$R" && mkdir "$R/debs" || return 1
  list_packages >"$R/packages" || return 1
  apt-mark showauto | sort >"$R/auto" || return 1
  apt-mark showmanual | sort >"$R/manual" || return 1
  list_units >"$R/units"
  keep_old_packages "$1" || return 1
  cut -f 2 "$1" | list_conffiles >"$R/conffiles.md5"
  cut -c 35- "$R/conffiles.md5" | while IFS= read -r path; do
    if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\n' "${path#/}"; else printf '%s\n' "$path" >>"$R/conffiles.gone"; fi
  done >"$R/conffiles"
  archive -f "$R/conffiles.tar" --files-from "$R/conffiles" || return 1
  find /etc -name '*.dpkg-*' 2>/dev/null | sort >"$R/leftovers"
  archive -zf "$R/etc.tar.gz" etc || return 1
  set -- var/lib/dpkg/status var/lib/dpkg/diversions var/lib/dpkg/alternatives
  [ ! -e /var/lib/dpkg/statoverride ] || set -- "$@" var/lib/dpkg/statoverride
  [ ! -e /var/lib/apt/extended_states ] || set -- "$@" var/lib/apt/extended_states
  archive -zf "$R/dpkg.tar.gz" "$@" || return 1
  take_snapshot
  find "$R" -exec sync {} + && : >"$R/complete" && sync "$R/complete" "$R"
}

# archive ARGUMENTS: tar. A file that somebody writes, or removes, just then is no failure of ours: it is read once more,
# and is kept as it then was.
archive() {
  tar -C / -c "$@"
  code=$?
  [ $code = 1 ] || return $code
  tar -C / -c "$@"
  [ $? -le 1 ]
}

# Fetch every version that is about to be replaced: without it there is no way back, and no way forward.
keep_old_packages() { # changes
  awk -F '\t' -v native="$NATIVE" "$NAMES"'$3 != "-" { print apt_name($2) "=" $3 }' "$1" >"$T/old.targets"
  [ -s "$T/old.targets" ] || return 0
  # shellcheck disable=SC2046
  if ! (cd "$R/debs" && apt-get -q download $(cat "$T/old.targets")) </dev/null >"$T/old.log" 2>&1; then
    echo "an installed version is not in the snapshot, so there is no way back: $(errors_of "$T/old.log")" >"$T/why"
    return 1
  fi
  require_ordered_packages || return 1
  [ "$(find "$R/debs" -name '*.deb' | wc -l)" = "$(wc -l <"$T/old.targets")" ] && return 0
  echo "not every installed version could be fetched; freeze a snapshot that holds them" >"$T/why"
  return 1
}

# A signed order says what the old packages are; a snapshot that offers others under their names leads back to nothing.
require_ordered_packages() {
  [ -f "$T/undo.tsv" ] || return 0
  digests_of "$T/undo.tsv" >"$T/old.ordered"
  digest_packages "$R/debs" "$T/old.sha256" && cut -d ' ' -f 1 "$T/old.sha256" | sort -u >"$T/old.fetched"
  cmp -s "$T/old.ordered" "$T/old.fetched" && return 0
  echo "the old packages are not those of the order (sha256 differs): there is no way back that was approved" >"$T/why"
  return 1
}

# Services as `name state`, without those that come and go by themselves, and without apt's daily work, which fails when
# it had to wait for us for more than an hour.
list_units() {
  if has_systemd; then
    systemctl list-units --type=service --all --plain --no-legend --no-pager |
      awk '$1 !~ /^(user@|user-runtime-dir@|oakum-|session-|apt-daily(-upgrade)?[.]service$)/ && $2 == "loaded" { print $1 "\t" $3 }' | sort
  fi
}

# Swap old and new: the changes that undo the changes in a file, with the kept packages' digests.
invert_changes() { # changes
  digest_packages "$R/debs" "$T/old.sha256"
  # apt named the files: name_version_architecture.deb, with %3a for a colon.
  awk -F '\t' -v OFS='\t' -v native="$NATIVE" "$NAMES"'
    BEGIN {
      undoes["upgrade"] = "downgrade"; undoes["downgrade"] = "upgrade"
      undoes["install"] = "remove"; undoes["remove"] = "install"
    }
    FILENAME == ARGV[1] {
      file = $0; sub(/.*\//, "", file); sub(/\.deb$/, "", file); gsub(/%3a/, ":", file)
      split(file, part, "_"); digest[same(part[1] ":" part[3]), part[2]] = substr($0, 1, 64)
      next
    }
    { print undoes[$1], $2, $4, $3, ($3 == "-" ? "-" : digest[same($2), $3]) }' "$T/old.sha256" "$1"
}
