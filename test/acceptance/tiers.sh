#!/usr/bin/env bash
# Three tiers with real parts: a hot tier of 256 MiB, six directories as warm pool, a second gateway as cold store. More than
# fits into the hot tier comes in through both doors while the gateway is killed; everything reads back through both doors; two
# devices are lost and replaced; damage is found and healed; the cold store goes away for a while. Needs the AWS CLI, 3 GiB of
# disk, and an NFS client: root and a kernel that has one, or a program:
#
#   test/acceptance/tiers.sh [--client PROGRAM] [--mebibytes N]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

mebibytes=400 errors_expected='a warm device has gone'
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --mebibytes) mebibytes=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

terrace() { node dist/src/main.js "$@"; }
status() { # EXPRESSION: of the status as `it`
  terrace status --json | node -e 'const it = JSON.parse(require("fs").readFileSync(0)); console.log('"$1"')'
}
percent() { status 'Math.round(100 * (it.hot.bytesTotal - it.hot.bytesFree) / it.hot.bytesTotal)'; }
settled() { # until the hot tier is below its high mark
  for _ in $(seq 240); do
    [ "$(percent)" -lt 80 ] && return
    sleep 0.5
  done
  fail "the hot tier stays at $(percent) %"
}
scrub() { # FIELD: of a scrub of everything; damage that is left makes the command fail, and this with it
  terrace scrub --wait --json > "$work/scrub" || { cat "$work/scrub" >&2; fail 'scrub'; }
  cat "$work/scrub"
}
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
check() { # everything in the bucket is what was put there, through both doors
  rm -rf "$work/got"
  s3 sync --only-show-errors s3://bucket "$work/got"
  sums "$work/got" > "$work/sums.s3"
  cmp "$work/sums.s3" "$work/want" || fail "$1: content over S3 differs"
  on_mount /bucket 'find . -type f -print0 | sort -z | xargs -0 sha256sum' > "$work/sums.nfs"
  cmp "$work/sums.nfs" "$work/want" || fail "$1: content over NFS differs"
}

cold='' cold_port=0
start_cold() {
  : > "$work/cold.out"
  env -u TERRACE_COLD_ACCESS_KEY_ID -u TERRACE_COLD_SECRET_ACCESS_KEY \
    node dist/src/main.js serve --data "$work/cold" --s3 "127.0.0.1:$cold_port" --nfs 127.0.0.1:0 --admin 127.0.0.1:0 \
    > "$work/cold.out" 2>> "$work/cold.log" &
  cold=$!
  for _ in $(seq 300); do
    grep -q '^ready' "$work/cold.out" && break
    sleep 0.1
  done
  cold_port=$(sed -nE 's/^ready.*s3=http:\/\/[^ ]*:([0-9]+).*/\1/p' "$work/cold.out")
  [ -n "$cold_port" ] || fail 'the cold store did not start'
}
cleanup() { [ -z "$cold" ] || kill -9 "$cold" 2>/dev/null || true; }

step 'a second gateway as cold store, six directories as warm pool'
start_cold
aws --endpoint-url "http://127.0.0.1:$cold_port" s3 mb s3://cold
export TERRACE_COLD_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID TERRACE_COLD_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
serve_flags=(--hot-size 256Mi --warm-ec 4+2 --cold "s3://cold/terrace?endpoint=http://127.0.0.1:$cold_port")
for device in 1 2 3 4 5 6; do
  mkdir "$work/warm$device"
  serve_flags+=(--warm "$work/warm$device")
done
start
s3 mb s3://bucket

step "$mebibytes MiB through S3 into a hot tier of 256 MiB"
mkdir -p "$work/tree/large" "$work/tree/small"
for file in $(seq $((mebibytes / 8))); do head -c 8M /dev/urandom > "$work/tree/large/$file"; done
for file in $(seq 200); do head -c $((file * 400)) /dev/urandom > "$work/tree/small/$file"; done
s3 cp --recursive --only-show-errors "$work/tree" s3://bucket
settled
sums "$work/tree" > "$work/want"
echo "hot: $(percent) %, warm: $(status 'it.tiers.warm.bytesStored') bytes, migrations: $(status 'it.migrations.completed')"
[ "$(status 'it.tiers.warm.bytesStored')" -gt 0 ] || fail 'nothing went to the warm tier'
check 'after filling'

step 'more through NFS, and the gateway killed while content moves'
mkdir "$work/tree/nfs"
for file in 1 2 3 4; do openssl enc -aes-128-ctr -nosalt -pass "pass:$file" -in /dev/zero 2>/dev/null | head -c 24M > "$work/tree/nfs/$file" || true; done
on_mount /bucket 'mkdir nfs; for file in 1 2 3 4; do
  openssl enc -aes-128-ctr -nosalt -pass "pass:$file" -in /dev/zero 2>/dev/null | head -c 24M > "nfs/$file" || true
done; sync'
crash
for round in 1 2 3; do
  head -c 48M /dev/urandom > "$work/tree/round$round"
  s3 cp --only-show-errors "$work/tree/round$round" "s3://bucket/round$round"
  crash
done
sums "$work/tree" > "$work/want"
settled
check 'after crashes'

step 'two devices lost'
rm -rf "$work/warm2" "$work/warm5"
check 'without two devices'
mkdir "$work/warm2" "$work/warm5"
terrace warm replace "$work/warm2" "$work/warm2" --wait > /dev/null
terrace warm replace "$work/warm5" "$work/warm5" --wait > /dev/null
terrace warm rebuild --wait > /dev/null
scrub

step 'damage on one device: found, healed, and then there is none'
victim=$(find "$work/warm3" -type f -size +64k -print -quit)
printf 'damage' | dd of="$victim" bs=1 seek=40000 conv=notrunc status=none
scrub
grep -q '"corrupt":[1-9]' "$work/scrub" || fail 'the damage was not found'
scrub
grep -q '"corrupt":0' "$work/scrub" || fail 'the damage was not healed'
check 'after the damage'

step 'the cold store goes away and comes back'
terrace tier move bucket/small --to cold --wait > /dev/null
kill -9 "$cold"
wait "$cold" 2>/dev/null || true
if s3 cp --only-show-errors s3://bucket/small/200 "$work/away" 2> /dev/null; then cmp "$work/away" "$work/tree/small/200"; fi
s3 cp --only-show-errors "$work/tree/small/199" s3://bucket/while-away
cp "$work/tree/small/199" "$work/tree/while-away"
start_cold
sums "$work/tree" > "$work/want"
sleep 30
check 'after the cold store was away'
stop
echo 'tiers: passed'
