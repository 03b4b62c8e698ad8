#!/bin/sh
# Print how the configuration files that an upgrade kept differ from their new versions. $1 is its id.

file=$OAKUM/transactions/$1/conffiles.diff
[ -d "${file%/*}" ] || exit 3
[ ! -f "$file" ] || head -c 1048576 "$file" | sed "s/^/diff$TAB/; \$a\\"
echo "end${TAB}ok"
