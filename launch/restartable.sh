#!/usr/bin/env bash
# Runs a command that saves and exits 0 when it is told to stop (SIGTERM), and
# exits 143 itself then: a scheduler starts it again, instead of taking a
# training that was interrupted for one that is done.
#   launch/restartable.sh python -m fusionjax.main --config=...
set -uo pipefail
stopped='' child=''
# Before the command: it may be ready, and stopped, at once.
trap 'stopped=1; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' TERM INT
"$@" &
child=$!
[ -z "$stopped" ] || kill -TERM "$child" 2> /dev/null
# `wait` returns early when a signal comes.
while kill -0 "$child" 2> /dev/null; do
  wait "$child"
done
wait "$child"
code=$?
if [ -n "$stopped" ] && [ "$code" -eq 0 ]; then
  code=143
fi
exit "$code"
