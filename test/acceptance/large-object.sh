#!/usr/bin/env bash
# A single PUT of 5 GiB, and its GET, may not make the gateway grow by more than 200 MiB. Needs the AWS CLI, 12 GiB of disk
# for the object and its copy, and some minutes.
#
#   test/acceptance/large-object.sh [GIB]
set -euo pipefail
cd "$(dirname "$0")/../.."
gib=${1:-5}
work=$(mktemp -d "${TMPDIR:-/tmp}/large-object.XXXXXX")
gateway=
trap 'status=$?; [ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true; wait; rm -rf "$work"; exit $status' EXIT
export AWS_ACCESS_KEY_ID=acceptance AWS_SECRET_ACCESS_KEY=acceptance-secret AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=
export TERRACE_ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID TERRACE_ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY

node dist/src/main.js serve --data "$work/data" --s3 127.0.0.1:0 --nfs 127.0.0.1:0 --admin 127.0.0.1:0 \
  > "$work/out" 2> "$work/log" &
gateway=$!
for _ in $(seq 100); do grep -q '^ready' "$work/out" && break; sleep 0.1; done
port=$(sed -nE 's/^ready s3=http:\/\/[^ ]*:([0-9]+).*/\1/p' "$work/out")
s3api() { aws --endpoint-url "http://127.0.0.1:$port" s3api "$@"; }
memory_mib() { awk -v key="$1:" '$1 == key { print int($2 / 1024) }' "/proc/$gateway/status"; }

s3api create-bucket --bucket large > /dev/null
head -c 8M /dev/urandom > "$work/warm"
s3api put-object --bucket large --key warm --body "$work/warm" > /dev/null
before=$(memory_mib VmRSS)
openssl enc -aes-128-ctr -nosalt -pass pass:x -in /dev/zero 2>/dev/null | head -c "${gib}G" > "$work/object" || true
echo "before: $before MiB; PUT of $gib GiB"
time s3api put-object --bucket large --key object --body "$work/object" > /dev/null
peak_put=$(memory_mib VmHWM)
want=$(sha256sum < "$work/object")
rm "$work/object"
echo "GET of $gib GiB"
mkfifo "$work/pipe"
sha256sum < "$work/pipe" > "$work/got" &
time s3api get-object --bucket large --key object "$work/pipe" > /dev/null
wait $!
peak=$(memory_mib VmHWM)
echo "memory: $before MiB before, at most $peak_put MiB during PUT, at most $peak MiB in all"
[ "$want" = "$(cat "$work/got")" ] || { echo 'large-object: FAILED: content differs' >&2; exit 1; }
[ $((peak - before)) -le 200 ] || { echo "large-object: FAILED: grew by $((peak - before)) MiB" >&2; exit 1; }
echo 'large-object: passed'
