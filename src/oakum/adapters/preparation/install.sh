# Put files of ours in place, each at once or not at all, and see that the account may run one program and no other.
# $1 is the account; stdin a tar of `list` (lines `number mode path`, in their order) and the files by number.
# Exit codes: 3 cannot, 4 the account may do more than it should.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022

user=$1
fail() { echo "$1" >&2; exit "${2:-3}"; }
[ "$(id -u)" = 0 ] || fail "not root"
staged=$(mktemp -d /root/.oakum.XXXXXX) || fail "cannot write in /root"
trap 'rm -rf "$staged"' EXIT
tar -x -C "$staged" --no-same-owner || fail "cannot write in /root"

# A directory of ours is a directory, and root's: whoever owns it could put another file in the place of ours.
own_directory() {
  [ ! -L "$1" ] || fail "$1 is a symbolic link"
  [ -d "$1" ] || mkdir "$1" || fail "cannot make $1"
  chown root:root "$1" && chmod 755 "$1" || fail "cannot take $1"
}

if ! getent passwd "$user" >/dev/null; then
  useradd --comment Oakum --home-dir "/home/$user" --no-create-home --shell /bin/sh --password '*' "$user" || fail "cannot make the account $user"
fi
ours="(root) NOPASSWD: /usr/lib/oakum/verifier"
allowed() { sudo -l -U "$user" | sed -n 's/^    (/(/p'; }
refuse_more() { fail "$user may run other programs than the verifier: $(allowed | tr '\n' ';')" 4; }
# Before anybody can log in as it: what stays behind after a failure must grant nothing.
[ -z "$(allowed)" ] || [ "$(allowed)" = "$ours" ] || refuse_more
for directory in /usr/lib/oakum /etc/oakum "/home/$user" "/home/$user/.ssh"; do own_directory "$directory"; done
[ ! -e /var/lib/oakum ] || own_directory /var/lib/oakum

while read -r number mode path; do
  case "$path" in
    /etc/sudoers.d/*) visudo -c -q -f "$staged/$number" >&2 || fail "visudo refuses what was to become $path" ;;
  esac
done <"$staged/list"
while read -r number mode path; do
  [ ! -L "$path" ] || fail "$path is a symbolic link"
  install -o root -g root -m "$mode" -T "$staged/$number" "$path.oakum-new" && mv -f -T "$path.oakum-new" "$path" || fail "cannot write $path"
done <"$staged/list"
sync

[ "$(allowed)" = "$ours" ] || refuse_more
runuser -u "$user" -- sudo -n -- /usr/lib/oakum/verifier status oakum-prepared >/dev/null || fail "the verifier does not answer $user"
