#!/bin/sh
# Hand over what repack.sh made, piece by piece. $1 is its directory; $2 a file in it, $3 and $4 offset and length.
# Without a file the directory is removed.

case "$1" in
  "$OAKUM"/repack.*) ;;
  *) echo "not a directory of ours" >&2; exit 3 ;;
esac
if [ -n "${2:-}" ]; then
  tail -c "+$(($3 + 1))" "$1/${2##*/}" | head -c "$4"
else
  rm -rf "$1"
fi
