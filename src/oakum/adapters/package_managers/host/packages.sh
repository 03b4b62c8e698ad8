#!/bin/sh
# Packages as dpkg knows them, and their names.

NATIVE=$(dpkg --print-architecture)

# Print name:architecture in the words of apt: the native architecture goes without saying.
apt_name() {
  case "$1" in
    *:all | *:"$NATIVE") printf '%s' "${1%:*}" ;;
    *) printf '%s' "$1" ;;
  esac
}

# For awk, which is given native: the same, and a key in which `all` is the native architecture.
# shellcheck disable=SC2034  # some scripts need it, some do not
NAMES='
  function apt_name(key) { sub(":(all|" native ")$", "", key); return key }
  function same(key) { sub(/:all$/, ":" native, key); return key }
'

# The same for many, one a line on stdin: a process for all of them.
apt_names() { sed "s/:all\$//; s/:$NATIVE\$//"; }

# Every package that dpkg knows, as `status name:architecture version`, separated by tabs.
list_packages() {
  dpkg-query -W -f '${db:Status-Abbrev}\t${Package}:${Architecture}\t${Version}\n' | sort
}

# digest_packages DIRECTORY FILE: write the sha256 of each package that lies there, a line `sha256  path` each. openssl uses
# what the processor has for it, and takes a quarter of the time; it may be missing, or not work, and says nothing of a
# disk that is full.
digest_packages() {
  find "$1" -maxdepth 1 -name '*.deb' -exec openssl dgst -sha256 -r {} + >"$2" 2>/dev/null &&
    [ "$(wc -l <"$2")" = "$(find "$1" -maxdepth 1 -name '*.deb' | wc -l)" ] ||
    find "$1" -maxdepth 1 -name '*.deb' -exec sha256sum {} + >"$2"
}

# The names (without architecture) of packages that the administrator holds.
list_held() {
  dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\n' | sed -n 's/^h.*\t//p' | sort -u
}
