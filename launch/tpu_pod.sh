#!/usr/bin/env bash
# Trains on a Cloud TPU VM, from creating it to deleting it.
#
#   launch/tpu_pod.sh NAME --zone=ZONE [options] -- FLAGS OF THE TRAINING
#   launch/tpu_pod.sh pod1 --zone=us-west4-a --type=v5litepod-16 --spot \
#     --tries=20 --setup='sudo mkdir -p /mnt/share && sudo mount
#     10.0.0.2:/share /mnt/share' -- --config=configs/mef_ffmef.py
#     --workdir=/mnt/share/run1
#   launch/tpu_pod.sh pod1 --zone=us-west4-a --spot --tries=20 --
#     --config=configs/mef_ffmef.py --workdir=gs://BUCKET/run1
#
#   --type=TYPE        accelerator type; v5litepod-8
#   --version=VERSION  runtime; v2-alpha-tpuv5-lite
#   --project=PROJECT  that of gcloud's settings
#   --spot             cheaper, and may be taken away at any time
#   --tries=N          how often a pod that was taken away is made anew; 1
#   --setup=COMMAND    run on every host before training, such as a mount
#   --into=DIR         where a workdir on the pod is copied to; .
#   --keep             leave the pod running at the end (it costs until deleted)
#   --dry-run          print the commands and run none
#
# The pod is deleted however this script ends, but for SIGKILL or a lost
# machine: `gcloud compute tpus tpu-vm list --zone=ZONE` shows what is left.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/commands.sh
. launch/commands.sh

zone='' type=v5litepod-8 version=v2-alpha-tpuv5-lite project='' spot='' tries=1
into=. keep='' dry='' name='' setup=''
while [ $# -gt 0 ]; do
  case $1 in
    --zone=*) zone=${1#*=} ;;
    --type=*) type=${1#*=} ;;
    --version=*) version=${1#*=} ;;
    --project=*) project=${1#*=} ;;
    --tries=*) tries=${1#*=} ;;
    --setup=*) setup=${1#*=} ;;
    --into=*) into=${1#*=} ;;
    --spot) spot=1 ;;
    --keep) keep=1 ;;
    --dry-run) dry=1 ;;
    --) shift; break ;;
    -*) usage "unknown option $1" ;;
    *) [ -z "$name" ] || usage "two names: $name and $1"; name=$1 ;;
  esac
  shift
done
[ -n "$name" ] || usage 'give the pod a name'
[ -n "$zone" ] || usage 'give --zone=ZONE'
[ $# -gt 0 ] || usage 'give the flags of the training after --'
case $tries in '' | *[!0-9]* | 0) usage "--tries=$tries is no number above 0" ;; esac

workdir=''
for flag in "$@"; do
  case $flag in --workdir=*) workdir=${flag#*=} ;; esac
done
# More than 8 chips (of v2 to v4 and v5p: cores) are several hosts.
if [ "${type##*-}" -gt 8 ]; then
  case $workdir in
    /* | gs://*) ;;
    *) usage "$type has several hosts, which share no disk: give --workdir=gs://..., or mount a share by --setup, and give --workdir=/mnt/..." ;;
  esac
fi

where=(--zone="$zone")
[ -z "$project" ] || where+=(--project="$project")
tpu=(gcloud compute tpus tpu-vm)

delete() { run "${tpu[@]}" delete "$name" "${where[@]}" --quiet; }

made=''
finish() {
  local code=$?
  trap - EXIT
  # A second Ctrl-C must not leave the pod behind.
  trap '' INT TERM HUP
  if [ -n "$made" ]; then
    if [ -n "$keep" ]; then
      echo "tpu_pod: $name is still running, and costs, until you run:" >&2
      echo "  ${tpu[*]} delete $name ${where[*]} --quiet" >&2
    else
      delete || echo "tpu_pod: $name could not be deleted. Delete it by hand." >&2
    fi
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

create() {
  local options=(--accelerator-type="$type" --version="$version")
  [ -z "$spot" ] || options+=(--spot)
  # Before the command: it may have made the pod even where it fails.
  made=1
  run "${tpu[@]}" create "$name" "${where[@]}" "${options[@]}"
}

everywhere() {
  run "${tpu[@]}" ssh "$name" "${where[@]}" --worker=all --command="$1"
}

install() {
  local tree
  tree=$(mktemp -d)
  # What is committed: a run can be traced to it.
  git diff --quiet HEAD || echo 'tpu_pod: changes that are not committed stay here.' >&2
  run git archive --format=tar.gz --output="$tree/fusionjax.tgz" HEAD
  run "${tpu[@]}" scp "$tree/fusionjax.tgz" "$name:" "${where[@]}" --worker=all
  rm -rf "$tree"
  # The images bring Python 3.10; uv fetches a newer one.
  everywhere 'set -e; mkdir -p fusionjax; tar -xzf fusionjax.tgz -C fusionjax; cd fusionjax; python3 -m pip install --quiet --user uv; python3 -m uv venv --quiet --allow-existing --python=3.11 .venv; python3 -m uv pip install --quiet --python=.venv -r requirements.txt "jax[tpu]"'
}

train() {
  local flags
  [ -z "$setup" ] || everywhere "$setup"
  printf -v flags '%q ' "$@"
  everywhere "cd fusionjax && exec .venv/bin/python -m fusionjax.main --distributed ${flags% }"
}

collect() {
  case $workdir in /* | *://*) return ;; esac
  run "${tpu[@]}" scp "$name:fusionjax/${workdir:-runs}" "$into" "${where[@]}" --worker=0 --recurse
}

taken_away() {
  [ -z "$dry" ] || return 1
  local state
  state=$("${tpu[@]}" describe "$name" "${where[@]}" --format='value(state)') || return 0
  [ "$state" != READY ]
}

for ((try = 1; ; try++)); do
  code=0
  # Not `create && ...`: set -e would be off within.
  create || code=$?
  if [ "$code" -eq 0 ]; then install || code=$?; fi
  if [ "$code" -eq 0 ]; then train "$@" || code=$?; fi
  [ "$code" -ne 0 ] || break
  if [ "$try" -ge "$tries" ] || ! taken_away; then
    collect || true
    exit "$code"
  fi
  echo "tpu_pod: $name was taken away; try $((try + 1)) of $tries." >&2
  delete || true
  sleep "${FUSIONJAX_PAUSE:-60}"
done
collect
