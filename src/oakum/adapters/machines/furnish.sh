# Furnish a new machine's root. Standard input is a tar with .oakum-build/ and files for the root.
# Run by build.sh inside the root; arguments: none.
tar -x --no-overwrite-dir --no-same-owner -C / -f - ./.oakum-build
cd /.oakum-build

# The other host's accounts come first, so that packages and /etc belong to its numbers; nobody has
# a password. What the image has is given to the same names again, and what chown takes off is put
# back.
if [ -s etc.tar ] && tar -x -f etc.tar etc/passwd etc/group 2>/dev/null; then
  find / -xdev ! -path '/.oakum-build/*' ! -path '/proc/*' \( ! -uid 0 -o ! -gid 0 \) \
    -printf '%u:%g\t%#m\t%y\t%p\n' >owned
  awk -F : -v OFS=: 'NF == 7 { $2 = "x"; print }' etc/passwd >/etc/passwd
  awk -F : -v OFS=: 'NF == 4 { $2 = "x"; print }' etc/group >/etc/group
  awk -F : '{ print $1 ":*:19000:0:99999:7:::" }' /etc/passwd >/etc/shadow
  awk -F : '{ print $1 ":*::" }' /etc/group >/etc/gshadow
  while IFS="$(printf '\t')" read -r owner mode kind path; do
    chown -h -- "$owner" "$path" 2>/dev/null || true  # an account that only the image has
    [ "$kind" = l ] || chmod -- "$mode" "$path"
  done <owned
fi

# The exact packages of another host: one transaction, so that apt sees the whole at once.
if [ -s pins ]; then
  rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
  cp build.sources /etc/apt/sources.list.d/oakum-build.sources
  printf 'force-unsafe-io\nforce-confnew\n' >/etc/dpkg/dpkg.cfg.d/oakum-build
  apt-get -q update
  dpkg-query -W -f '${Package}:${Architecture}\n' | sed 's/:all$//' | sort >have
  cut -f 1 pins | sed 's/:all$//' | sort >want
  comm -23 have want | sed 's/$/-/' >surplus
  awk -F '\t' '{ sub(/:all$/, "", $1); print $1 "=" $2 }' pins >exact
  xargs apt-get -q -y --no-install-recommends --allow-downgrades --allow-remove-essential \
    --allow-change-held-packages -o APT::Get::Purge=true install <<LIST
$(cat exact surplus)
LIST
  awk -F '\t' '$3 == "auto" { sub(/:all$/, "", $1); print $1 }' pins | xargs -r apt-mark -q auto >/dev/null
  awk -F '\t' '$3 != "auto" { sub(/:all$/, "", $1); print $1 }' pins | xargs -r apt-mark -q manual >/dev/null
  awk -F '\t' '$4 == "hold" { sub(/:all$/, "", $1); print $1 }' pins | xargs -r apt-mark -q hold >/dev/null
  rm -f /etc/dpkg/dpkg.cfg.d/oakum-build
  apt-get clean
  rm -rf /var/lib/apt/lists/*
fi

# The other host's /etc: what it does not have goes, what it has comes.
if [ -s etc.tar ]; then
  tar -t -f etc.tar | sed 's,^\./,,; s,/$,,' | sort >etc.theirs
  (cd / && find etc -xdev \( -type f -o -type l \) | sort) >etc.ours
  grep -v -x -E -f etc.kept etc.ours | comm -23 - etc.theirs | sed 's,^,/,' | tr '\n' '\0' | xargs -0 -r rm -f
  tar -x -C / -f etc.tar --exclude=etc/passwd --exclude=etc/group
fi

if [ -d files ]; then
  tar -c -C files . | tar -x --no-overwrite-dir --no-same-owner -C /
fi
sh -eu ./setup.sh
ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/ssh_host_ed25519_key
cd /
rm -rf /.oakum-build /etc/apt/sources.list.d/oakum-build.sources
cat /etc/ssh/ssh_host_ed25519_key.pub
