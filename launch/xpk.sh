#!/usr/bin/env bash
# Trains on Kubernetes (GKE) through XPK: builds the image, pushes it, submits.
#
#   launch/xpk.sh NAME --cluster=CLUSTER --image=IMAGE [options] -- FLAGS
#   launch/xpk.sh run1 --cluster=c1 --image=gcr.io/PROJECT/fusionjax \
#     --type=v5litepod-16 --storage=share -- --config=configs/mef_ffmef.py \
#     --workdir=/mnt/share/run1
#
#   --type=TYPE        v5litepod-16 (TPU), h100-mega-80gb-8 (GPU) ...
#   --slices=N         TPU slices; 1
#   --nodes=N          GPU nodes; 1
#   --project=PROJECT, --zone=ZONE   those of gcloud's settings
#   --storage=NAME     what `xpk storage` knows, mounted in all pods
#   --restarts=N       how often an interrupted training is started again; 50
#   --priority=LEVEL   very-low to very-high; medium
#   --no-build         the image is there already
#   --wait             wait until it has ended; exits as the training did
#   --delete           delete workload NAME and do nothing else
#   --dry-run          print the commands and run none
#
# `pip install xpk`; the cluster is made before, by `xpk cluster create`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=launch/commands.sh
. launch/commands.sh

cluster='' image='' type=v5litepod-16 slices=1 nodes=1 project='' zone=''
restarts=50 priority=medium build=1 wait='' delete='' dry='' name=''
storage=()
while [ $# -gt 0 ]; do
  case $1 in
    --cluster=*) cluster=${1#*=} ;;
    --image=*) image=${1#*=} ;;
    --type=*) type=${1#*=} ;;
    --slices=*) slices=${1#*=} ;;
    --nodes=*) nodes=${1#*=} ;;
    --project=*) project=${1#*=} ;;
    --zone=*) zone=${1#*=} ;;
    --storage=*) storage+=("$1") ;;
    --restarts=*) restarts=${1#*=} ;;
    --priority=*) priority=${1#*=} ;;
    --no-build) build='' ;;
    --wait) wait=1 ;;
    --delete) delete=1 ;;
    --dry-run) dry=1 ;;
    --) shift; break ;;
    -*) usage "unknown option $1" ;;
    *) [ -z "$name" ] || usage "two names: $name and $1"; name=$1 ;;
  esac
  shift
done
[ -n "$name" ] || usage 'give the workload a name'
[ -n "$cluster" ] || usage 'give --cluster=CLUSTER'

where=(--cluster="$cluster")
[ -z "$project" ] || where+=(--project="$project")
[ -z "$zone" ] || where+=(--zone="$zone")

if [ -n "$delete" ]; then
  run xpk workload delete --workload="$name" "${where[@]}" --force
  exit
fi

[ -n "$image" ] || usage 'give --image=REGISTRY/NAME'
[ $# -gt 0 ] || usage 'give the flags of the training after --'
shared=''
for flag in "$@"; do
  case $flag in
    *[!A-Za-z0-9_./:=,@+-]*) usage "no quotes get through XPK: put ${flag%%=*} into a config" ;;
    --workdir=/* | --workdir=gs://*) shared=1 ;;
  esac
done
[ -n "$shared" ] || usage 'a pod loses its disk: give --workdir=gs://..., or --storage=NAME and a --workdir=/... on it'

case $type in
  v[0-9]* | tpu*)
    accelerator=tpu devices=(--tpu-type="$type" --num-slices="$slices")
    find=--distributed
    ;;
  *)
    accelerator=cuda devices=(--device-type="$type" --num-nodes="$nodes")
    # Set by XPK on each node, where they are to be read.
    # shellcheck disable=SC2016
    find='--coordinator=$JAX_COORDINATOR_ADDRESS:$JAX_COORDINATOR_PORT --num_processes=$NNODES --process_id=$NODE_RANK'
    ;;
esac

if [ -n "$build" ]; then
  run docker build --file=launch/Dockerfile --build-arg=ACCELERATOR="$accelerator" --tag="$image" .
  run docker push "$image"
fi
# XPK starts again what ends with 42 or 127 to 255, so also with 143 after
# SIGTERM: see restartable.sh. 1 is that of processes which lost another one,
# and of a training that came to NaN. Saving has more than the usual 30 s.
run xpk workload create --workload="$name" "${where[@]}" "${devices[@]}" "${storage[@]}" \
  --docker-image="$image" --priority="$priority" --max-restarts="$restarts" \
  --restart-on-exit-codes=1 --termination-grace-period-seconds=120 \
  --command="launch/restartable.sh python -m fusionjax.main $find $*"
if [ -n "$wait" ]; then
  run xpk workload list "${where[@]}" --wait-for-job-completion="$name"
fi
