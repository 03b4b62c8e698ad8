# Print the vital signs of this host, one a line: kind<tab>value. Reads only, and needs no root.
# Standard input: `name`, `unit` and `package`, each with a tab and a value, beside what is asked anyway.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
tab=$(printf '\t')
newline='
'
asked=$(head -c 262144)

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\t%s\n' "$1" "$2"; }
given() { printf '%s\n' "$asked" | sed -n "s/^$1$tab//p"; }
# A resolver without a server waits for half a minute.
in_time() { if have timeout; then timeout "$@"; else shift; "$@"; fi; }

say clock "$(date +%s)"

# What the host uses itself: its own name and those of its archives, but for plain addresses.
names() {
  {
    printf '%s\nname\t%s\n--\n' "$asked" "$(uname -n)"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null
  } | awk -F '\t' '
    function offer(name) {
      if (name ~ /^[A-Za-z0-9][A-Za-z0-9._-]*$/ && name ~ /[A-Za-z]/ && !seen[name]++ && n++ < 32) print name
    }
    !archives { if ($0 == "--") archives = 1; else if ($1 == "name") offer($2); next }
    /^[ \t]*#/ { next }
    {
      while (match($0, /[a-z+]*:\/\/[A-Za-z0-9._-]*/)) {
        name = substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH)
        sub(/.*:\/\//, "", name); offer(name)
      }
    }'
}
if have getent; then
  for name in $(names); do
    { ! in_time 5 getent ahosts "$name" >/dev/null 2>&1 </dev/null || say name "$name"; } &
  done
  wait
fi

servers=
while read -r word server _ || [ -n "$word" ]; do
  [ "$word" != nameserver ] || [ -z "$server" ] || servers="$servers $server"
done 2>/dev/null </etc/resolv.conf
for server in $servers; do say nameserver "$server"; done

# 203.0.113.1 and 2001:db8::1 are nobody's: they stand for all that only a default route leads to.
way() { ! ip route get "$1" >/dev/null 2>&1 || say way "$2"; }
if have ip; then
  for family in 4 6; do
    case $newline$(ip -"$family" route show table all default 2>/dev/null) in
      *"$newline"default*) say way "a default route over IPv$family" ;;
    esac
    ip -"$family" rule show 2>/dev/null | awk -v family="IPv$family" '
      { $1 = $1; sub(/ \[detached\]$/, "") }
      !/^(0: from all lookup (local|255)|32766: from all lookup (main|254)|32767: from all lookup (default|253))$/ {
        if (n++ < 1000) print "rule\t" family " " $0
      }'
  done
  way 203.0.113.1 "what is far away over IPv4"
  way 2001:db8::1 "what is far away over IPv6"
  for server in $servers; do
    case $server in *%*) ;; *) way "$server" "the nameserver $server" ;; esac
  done
  say rules told
else
  # Of routes that reject (flag 0x200) none leads anywhere.
  awk 'NR > 1 && $2 == "00000000" && $8 == "00000000" && length($4) <= 4 && $4 !~ /^[0-9A-F]*[2367ABEF][0-9A-F][0-9A-F]$/ { found = 1 }
    END { if (found) print "way\ta default route over IPv4" }' /proc/net/route 2>/dev/null
fi

if [ -d /run/systemd/system ]; then
  # The files that dpkg keeps of a package: a process for each package would take too long.
  units() {
    given unit
    given package | while IFS= read -r package; do
      for list in "/var/lib/dpkg/info/$package.list" "/var/lib/dpkg/info/$package":*.list; do
        [ ! -f "$list" ] || printf '%s\0' "$list"
      done
    done | xargs -0 -r sed -n 's,^.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\|mount\)\)$,\1,p' 2>/dev/null
  }
  # shellcheck disable=SC2046  # names of units hold no blanks
  systemctl show --property=Id,LoadState,ActiveState,SubState,UnitFileState -- \
    $(units | awk '!/[ \t*?]/ && !seen[$0]++ && n++ < 400') 2>/dev/null </dev/null | awk -F = '
      function flush() {
        if (id != "" && load != "not-found" && !seen[id]++) {
          if (sub_state == "auto-restart") active = sub_state
          print "unit\t" id "\t" active "\t" (file ~ /^enabled/ ? "enabled" : "other")
        }
        id = ""; load = ""; active = ""; sub_state = ""; file = ""
      }
      /^Id=/ { id = $2 } /^LoadState=/ { load = $2 } /^ActiveState=/ { active = $2 }
      /^SubState=/ { sub_state = $2 } /^UnitFileState=/ { file = $2 }
      /^$/ { flush() } END { flush() }'
  failed=$(systemctl list-units --state=failed --no-legend --plain --no-pager 2>/dev/null </dev/null) && say units told
  [ -z "$failed" ] || printf '%s\n' "$failed" | awk '{ print "failed\t" $1 }'
fi
say end ok
