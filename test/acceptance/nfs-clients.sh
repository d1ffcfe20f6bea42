#!/usr/bin/env bash
# What POSIX programs rely on, on mounts of real NFS clients: two of them at once, and one while the gateway is killed.
#
#   test/acceptance/nfs-clients.sh [--client PROGRAM] [--names N] [--megabytes N] [--only "NAME…"]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export that shares
# no cache with others. N names are raced for and listed (100,000), a file of N MiB is written through crashes (512).
# NAME is one of the parts below. Needs Python 3, here and where PROGRAM runs its command.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

names=100000 megabytes=512 only='single race turns listing dd crash moved'
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --names) names=$2 ;;
    --megabytes) megabytes=$2 ;;
    --only) only=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

program=$PWD/test/acceptance/on-mount.py
run() { # FUNCTION ARGUMENT…: on a mount of its own
  on_mount /bucket 'exec python3 -B "$@"' "$program" "$@"
}
both() { # PID PID: both must end well
  local status=0
  for one in "$@"; do wait "$one" || status=1; done
  return "$status"
}

try_single() {
  for check in names sparse times unlinked renames links; do
    on_mount /bucket 'mkdir "$2" && cd "$2" && exec python3 -B "$@"' "$program" "$check" || fail "$check"
    echo "$check: as they should be"
  done
  on_mount /bucket 'mkdir append && cd append && exec python3 -B "$1" append 64 50' "$program" || fail 'appending processes'
  equal 'a file of 2 TiB, as S3 sees it' "$(api head-object --bucket bucket --key sparse/sparse --query ContentLength)" $((2 << 40))
  equal 'the bytes at 1 TiB' "$(api get-object --bucket bucket --key sparse/sparse --range \
    "bytes=$(((1 << 40) - 5))-$(((1 << 40) + 2))" "$work/range" > /dev/null && od -An -c "$work/range" | tr -d ' \n')" '123\0\0\0\0\0'
}

try_race() {
  run race "$((names / 100))" 2> /dev/null && fail 'there is no directory to race in yet'
  on_mount /bucket 'mkdir race'
  run race "$((names / 100))" > "$work/first" & first=$!
  run race "$((names / 100))" > "$work/second" & second=$!
  both "$first" "$second" || fail 'a racing client ended early'
  equal 'winners' "$(sort -n "$work/first" "$work/second" | tr '\n' ' ')" "$(seq 0 $((names / 100 - 1)) | tr '\n' ' ')"
  echo "$(wc -l < "$work/first") and $(wc -l < "$work/second") names won"
}

try_turns() {
  on_mount /bucket 'printf 000000 > turn; python3 -c "import random, sys; sys.stdout.buffer.write(random.Random(0).randbytes(1))" > data'
  run turns 0 200 & first=$!
  run turns 1 200 & second=$!
  both "$first" "$second" || fail 'close-to-open consistency'
}

try_listing() {
  on_mount /bucket 'mkdir over && exec python3 -B "$1" fill "$2"' "$program" "$names"
  run change & changer=$!
  run listing "$names" 5 & lister=$!
  both "$changer" "$lister" || fail 'a listing while others change the directory'
}

try_dd() {
  run stamp 30 & writer=$!
  reads=0
  while kill -0 "$writer" 2>/dev/null; do
    get /bucket/stamped > "$work/stamped" || { [ "$reads" = 0 ] && continue || fail 'a GET failed'; }
    python3 - "$work/stamped" <<'PYTHON' || fail 'a GET saw a block that nobody wrote'
import sys
body = open(sys.argv[1], 'rb').read()
blocks = [body[at:at + 4096] for at in range(0, len(body), 4096)]
assert all(len(block) == 4096 and block == block[:1] * 4096 for block in blocks), 'torn'
PYTHON
    reads=$((reads + 1))
  done 2> "$work/gets"
  wait "$writer" || fail 'the writer'
  echo "$reads GETs, every block of one WRITE"
}

try_crash() {
  run stream "$megabytes" & writer=$!
  local kills=0 seen='' now
  while kill -0 "$writer" 2>/dev/null; do
    now=$(get /bucket/progress 2>/dev/null || true)
    if [ -n "$now" ] && [ "$now" != "$seen" ] && [ "$kills" -lt 4 ]; then
      seen=$now kills=$((kills + 1))
      crash
    fi
    sleep 0.5
  done
  wait "$writer" || fail 'the writer did not finish'
  [ "$kills" -gt 0 ] || fail 'the file was written before the gateway could be killed'
  equal "$megabytes MiB through S3, after $kills kills" "$(get /bucket/stream | sum)" "$(python3 "$program" checksum "$megabytes")"
  echo "$megabytes MiB intact after $kills kills"
}

try_moved() {
  on_mount /bucket 'mkdir -p held/deep other'
  run hold & holder=$!
  until get /bucket/held/is-open > /dev/null 2>&1; do
    kill -0 "$holder" 2>/dev/null || fail 'the holder of the file ended early'
    sleep 0.2
  done
  on_mount /bucket 'mv held/file held/deep/renamed && mv held other/place'
  crash
  on_mount /bucket ': > moved-and-killed'
  wait "$holder" || fail 'a file that was open lost its handle'
  equal 'the file under its new name' "$(get /bucket/other/place/deep/renamed)" 'before and after'
}

start
s3 mb s3://bucket
for part in $only; do
  step "$part"
  "try_$part"
done
stop
echo "nfs-clients: passed: $only"
