# Read by the launchers: what they say, and how they run commands.
# shellcheck shell=bash

# Prints what the top of the script says, and what is wrong; ends with 2.
usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "launch/${0##*/}" >&2
  echo "${0##*/}: $1" >&2
  exit 2
}

# Prints a command as a shell reads it, and runs it unless $dry is set.
run() {
  local word line=''
  for word in "$@"; do
    case $word in
      '' | *[!A-Za-z0-9_./:=,@+-]*) line+="${word@Q} " ;;
      *) line+="$word " ;;
    esac
  done
  if [ -n "${dry-}" ]; then
    echo "${line% }"
  else
    echo "+ ${line% }" >&2
    "$@"
  fi
}
