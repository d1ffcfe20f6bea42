#!/usr/bin/env bash
# A single PUT of 5 GiB, and its GET, may not make the gateway grow by more than 200 MiB. Needs the AWS CLI, 12 GiB of disk
# for the object and its copy, and some minutes.
#
#   test/acceptance/large-object.sh [GIB]
set -euo pipefail
source "$(dirname "$0")/gateway.sh"
gib=${1:-5}

memory_mib() { awk -v key="$1:" '$1 == key { print int($2 / 1024) }' "/proc/$gateway/status"; }

start
api create-bucket --bucket large > /dev/null
head -c 8M /dev/urandom > "$work/warm"
api put-object --bucket large --key warm --body "$work/warm" > /dev/null
before=$(memory_mib VmRSS)
openssl enc -aes-128-ctr -nosalt -pass pass:x -in /dev/zero 2>/dev/null | head -c "${gib}G" > "$work/object" || true
echo "before: $before MiB; PUT of $gib GiB"
time api put-object --bucket large --key object --body "$work/object" > /dev/null
peak_put=$(memory_mib VmHWM)
want=$(sha256sum < "$work/object")
rm "$work/object"
echo "GET of $gib GiB"
mkfifo "$work/pipe"
sha256sum < "$work/pipe" > "$work/got" &
time api get-object --bucket large --key object "$work/pipe" > /dev/null
wait $!
peak=$(memory_mib VmHWM)
echo "memory: $before MiB before, at most $peak_put MiB during PUT, at most $peak MiB in all"
equal 'content' "$(cat "$work/got")" "$want"
[ $((peak - before)) -le 200 ] || fail "grew by $((peak - before)) MiB"
echo 'large-object: passed'
