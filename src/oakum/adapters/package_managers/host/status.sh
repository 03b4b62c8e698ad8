#!/bin/sh
# Say how a transaction stands. $1 is its id.

report "$OAKUM/transactions/$1"
echo "end${TAB}ok"
