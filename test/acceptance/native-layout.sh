#!/usr/bin/env bash
# Objects under their own keys in the cold store: a second gateway is that store. What comes in through both doors moves there, and an
# S3 client of the store finds each object under its key, with the same bytes, type and metadata, while reads here go on through
# both doors. The gateway is killed while content moves; objects are changed, renamed and deleted here; somebody else changes one
# there; the store is away for a while. Needs the AWS CLI, curl and an NFS client: root and a kernel that has one, or a program:
#
#   test/acceptance/native-layout.sh [--client PROGRAM]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

terrace() { node dist/src/main.js "$@"; }
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
check() { # everything in the bucket is what was put there, through both doors
  rm -rf "$work/got"
  s3 sync --only-show-errors s3://bucket "$work/got"
  sums "$work/got" > "$work/sums.s3"
  cmp "$work/sums.s3" "$work/want" || fail "$1: content over S3 differs"
  on_mount /bucket 'find . -type f -print0 | sort -z | xargs -0 sha256sum' > "$work/sums.nfs"
  cmp "$work/sums.nfs" "$work/want" || fail "$1: content over NFS differs"
}
check_cold() { # the same of the store, by its own client
  rm -rf "$work/there"
  mkdir -p "$work/there"
  theirs sync --only-show-errors s3://cold/pre/bucket "$work/there"
  sums "$work/there" > "$work/sums.cold"
  cmp "$work/sums.cold" "$work/want" || fail "$1: what lies in the cold store differs"
}
tree() { sums "$work/tree" > "$work/want"; }

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
stop_cold() {
  kill -9 "$cold"
  wait "$cold" 2>/dev/null || true
  cold=''
}
cleanup() { [ -z "$cold" ] || kill -9 "$cold" 2>/dev/null || true; }
theirs() { aws --endpoint-url "http://127.0.0.1:$cold_port" s3 "$@"; }
their_api() { aws --endpoint-url "http://127.0.0.1:$cold_port" --output text s3api "$@"; }
there() { their_api list-objects-v2 --bucket cold --prefix "pre/bucket/$1" --query 'length(Contents || `[]`)'; }
gone() { # KEY: from the store, in a while
  for _ in $(seq 120); do
    their_api head-object --bucket cold --key "pre/bucket/$1" > /dev/null 2>&1 || return 0
    sleep 0.5
  done
  fail "$1 is still in the cold store"
}

step 'a second gateway as cold store'
start_cold
theirs mb s3://cold
export TERRACE_COLD_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID TERRACE_COLD_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
serve_flags=(--cold "s3://cold/pre?endpoint=http://127.0.0.1:$cold_port" --cold-layout native)
start
s3 mb s3://bucket

step 'objects of many kinds through both doors'
mkdir -p "$work/tree/small" "$work/tree/nfs/deep"
for file in $(seq 40); do head -c $((file * 700)) /dev/urandom > "$work/tree/small/$file"; done
head -c 5000000 /dev/urandom > "$work/tree/five"
head -c 70000000 /dev/urandom > "$work/tree/in-parts"
echo 'with a strange name' > "$work/tree/ü +&%?=.txt"
aws configure set default.s3.max_concurrent_requests 4
s3 cp --recursive --only-show-errors "$work/tree" s3://bucket
api put-object --bucket bucket --key photo --body "$work/tree/five" --content-type image/png --cache-control 'max-age=60' \
  --content-disposition 'inline; filename="a.png"' --metadata by=somebody,when=yesterday > /dev/null
cp "$work/tree/five" "$work/tree/photo"
on_mount /bucket 'mkdir -p nfs/deep; for file in 1 2 3; do
  openssl enc -aes-128-ctr -nosalt -pass "pass:$file" -in /dev/zero 2>/dev/null | head -c 3000001 > "nfs/deep/$file" || true
done; printf begin > nfs/sparse; printf end | dd of=nfs/sparse bs=1 seek=2000000 conv=notrunc status=none; sync'
for file in 1 2 3; do
  openssl enc -aes-128-ctr -nosalt -pass "pass:$file" -in /dev/zero 2>/dev/null | head -c 3000001 > "$work/tree/nfs/deep/$file" || true
done
printf begin > "$work/tree/nfs/sparse"
printf end | dd of="$work/tree/nfs/sparse" bs=1 seek=2000000 conv=notrunc status=none
tree
check 'before moving'

step 'all of it to the cold tier, the gateway killed while it moves'
terrace tier move bucket --to cold > /dev/null
sleep 2
crash
terrace tier move bucket --to cold --wait
check_cold 'after moving'
head_of() { "$1" head-object --bucket "$2" --key "$3" \
  --query '[ContentLength,ContentType,CacheControl,ContentDisposition,Metadata.by,Metadata.when,ServerSideEncryption]'; }
equal 'metadata in the cold store' "$(head_of their_api cold pre/bucket/photo)" "$(head_of api bucket photo)"
equal 'what is packed' "$(their_api list-objects-v2 --bucket cold --prefix pre/segments/ --query 'length(Contents || `[]`)')" 0
terrace tier why bucket/photo | grep -q 'In the cold store it is the object pre/bucket/photo' || fail "$(terrace tier why bucket/photo)"
terrace tier status
equal 'bytes in the hot tier' "$(terrace tier status --json | node -e 'console.log(JSON.parse(require("fs").readFileSync(0)).hot.bytes)')" 0
check 'from the cold store'
crash
check 'from the cold store after a crash'

step 'changed over NFS: the object in the store follows when the file moves again'
on_mount /bucket 'printf changed | dd of=nfs/deep/1 bs=1 seek=1500000 conv=notrunc status=none; echo more >> five'
printf changed | dd of="$work/tree/nfs/deep/1" bs=1 seek=1500000 conv=notrunc status=none
echo more >> "$work/tree/five"
tree
check 'after a change over NFS'
terrace tier move bucket --to cold --wait
check_cold 'after a change over NFS'
check 'moved again'

step 'renamed and deleted here'
on_mount /bucket 'mv photo photo-2; rm -r small'
gone small/30
rm -r "$work/tree/small"
equal 'what was renamed lies where it lay' "$(there photo)" 1
mv "$work/tree/photo" "$work/tree/photo-2"
tree
check 'after a rename and deletions'
head -c 400000 /dev/urandom > "$work/tree/photo"
s3 cp --only-show-errors "$work/tree/photo" s3://bucket/photo
tree
terrace tier move bucket --to cold --wait
check 'a new object under the old name'
theirs cp --only-show-errors s3://cold/pre/bucket/photo "$work/photo"
cmp "$work/photo" "$work/tree/photo" || fail 'the new object of that name is not in the store'

step 'somebody else in the cold store: nothing of theirs is touched'
echo theirs | theirs cp --only-show-errors - s3://cold/pre/bucket/mine
echo ours | s3 cp --only-show-errors - s3://bucket/mine
if terrace tier move bucket/mine --to cold --wait > "$work/refused"; then fail 'it moved over what others have put there'; fi
grep -q 'by somebody else' "$work/refused" || fail "$(cat "$work/refused")"
equal 'content here' "$(get /bucket/mine)" ours
terrace status | grep -q 'somebody else has put something there' || fail "no alert: $(terrace status)"
s3 rm --only-show-errors s3://bucket/mine
sleep 3
equal 'theirs' "$(theirs cp --only-show-errors s3://cold/pre/bucket/mine -)" theirs

step 'the store away, and back'
terrace tier move bucket --to cold --wait
crash # nothing of it is in memory
stop_cold
if get /bucket/photo > /dev/null 2>&1; then fail 'content that is away was read'; fi
start_cold
for _ in $(seq 120); do
  get /bucket/photo > "$work/back" 2> /dev/null && break
  sleep 0.5
done
cmp "$work/back" "$work/tree/photo" || fail 'content that is back differs'
check 'the store is back'

step 'all deleted here: nothing of ours is left there'
s3 rm --recursive --only-show-errors s3://bucket
gone photo
for _ in $(seq 120); do
  [ "$(there '')" = 1 ] && break
  sleep 0.5
done
equal 'what is left' "$(their_api list-objects-v2 --bucket cold --prefix pre/bucket/ --query 'Contents[].Key')" pre/bucket/mine
stop
echo 'native-layout: passed'
