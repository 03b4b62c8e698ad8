#!/bin/sh
# The controller found the host well, and came by a new connection to say so. $1 is the transaction's id.

confirm "$1"
echo "end${TAB}ok"
