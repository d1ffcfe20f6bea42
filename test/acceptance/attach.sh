#!/usr/bin/env bash
# A bucket of others: a second gateway has 10,000 keys, which appear in an empty bucket of the first one without being copied.
# They are found by name and listed through both doors, changed and deleted on both sides, looked at again, away for a while,
# and let go. Needs the AWS CLI, curl and an NFS client: root and a kernel that has one, or a program:
#
#   test/acceptance/attach.sh [--client PROGRAM] [--keys N]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

keys=10000
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --keys) keys=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

terrace() { node dist/src/main.js "$@"; }
refused() { # SENTENCE COMMAND…: it fails, and says so
  local sentence=$1
  shift
  if "$@" > "$work/refused" 2>&1; then fail "not refused: $*"; fi
  grep -q "$sentence" "$work/refused" || fail "$*: $(cat "$work/refused")"
}
field() { terrace cold list --json | node -e 'const [it] = JSON.parse(require("fs").readFileSync(0)).attached; console.log(it?.'"$1"')'; }

other='' other_port=0
start_other() {
  : > "$work/other.out"
  node dist/src/main.js serve --data "$work/other" --s3 "127.0.0.1:$other_port" --nfs 127.0.0.1:0 --admin 127.0.0.1:0 \
    > "$work/other.out" 2>> "$work/other.log" &
  other=$!
  for _ in $(seq 300); do
    grep -q '^ready' "$work/other.out" && break
    sleep 0.1
  done
  other_port=$(sed -nE 's/^ready.*s3=http:\/\/[^ ]*:([0-9]+).*/\1/p' "$work/other.out")
  [ -n "$other_port" ] || fail 'the other gateway did not start'
}
stop_other() {
  kill -9 "$other"
  wait "$other" 2>/dev/null || true
  other=''
}
cleanup() { [ -z "$other" ] || kill -9 "$other" 2>/dev/null || true; }
theirs() { aws --endpoint-url "http://127.0.0.1:$other_port" s3 "$@"; }
their_api() { aws --endpoint-url "http://127.0.0.1:$other_port" --output text s3api "$@"; }

step "$keys keys in a bucket of another gateway"
start_other
theirs mb s3://theirs
node - "$work/tree" "$keys" <<'NODE'
const fs = require('fs');
const [, , tree, keys] = process.argv;
for (let index = 0; index < Number(keys); index += 1) {
  const folder = `${tree}/data/${index % 10 === 0 ? 'flat' : `d${index % 7}/e${index % 3}`}`;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(`${folder}/n${String(index).padStart(7, '0')}`, `content of ${index}\n`);
}
NODE
head -c 40000000 /dev/urandom > "$work/tree/data/large"
aws configure set default.s3.max_concurrent_requests 24
theirs sync --only-show-errors "$work/tree" s3://theirs
their_api put-object --bucket theirs --key data/photo --body "$work/tree/data/large" --content-type image/png \
  --metadata by=somebody --checksum-algorithm CRC32 > /dev/null
their_api put-object --bucket theirs --key 'data/odd//../ü .s3:=x' --body "$work/tree/data/flat/n0000000" > /dev/null
their_api put-object --bucket theirs --key data/flat/n0000000/below --body "$work/tree/data/flat/n0000000" > /dev/null
cp "$work/tree/data/large" "$work/tree/data/photo"

step 'attaching, and what is refused'
export TERRACE_COLD_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID TERRACE_COLD_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
start
url="s3://theirs/data?endpoint=http://127.0.0.1:$other_port"
refused 'There is no bucket ours' terrace cold attach ours "$url"
s3 mb s3://ours
refused 'is no bucket of S3' terrace cold attach ours http://theirs
refused 'There is no bucket nowhere' terrace cold attach ours "s3://nowhere?endpoint=http://127.0.0.1:$other_port"
refused 'does not answer' terrace cold attach ours 's3://theirs?endpoint=http://127.0.0.1:9'
refused 'is not attached' terrace cold detach ours
echo mine > "$work/mine"
s3 cp --only-show-errors "$work/mine" s3://ours/mine
refused 'is not empty' terrace cold attach ours "$url"
s3 rm --only-show-errors s3://ours/mine
terrace cold attach ours "$url"
refused 'is attached already' terrace cold attach ours "$url"
terrace cold list

step 'one key by its name: no listing, metadata as the origin has them'
equal 'content by name' "$(get /ours/d1/e1/n0000001)" 'content of 1'
head_of() { "$1" head-object --bucket "$2" --key "$3" --checksum-mode ENABLED \
  --query '[ETag,ContentLength,ContentType,LastModified,Metadata.by,ChecksumCRC32]'; }
equal 'metadata' "$(head_of api ours photo)" "$(head_of their_api theirs data/photo)"
crash
equal 'metadata after a crash' "$(head_of api ours photo)" "$(head_of their_api theirs data/photo)"

step 'all of it through S3 and through NFS'
listed() { # api|their_api BUCKET PREFIX
  "$1" list-objects-v2 --bucket "$2" --prefix "$3" --query 'Contents[].[Key,Size,ETag]' | sed "s,^$3,,"
}
listed their_api theirs data/ > "$work/theirs.list"
time listed api ours '' > "$work/ours.list"
cmp "$work/theirs.list" "$work/ours.list" || fail 'the listings differ'
time listed api ours '' > "$work/ours.list"
cmp "$work/theirs.list" "$work/ours.list" || fail 'the listings differ the second time'
(cd "$work/tree/data" && find . -type f ! -path './odd/*' -exec sha256sum {} + | sort -k2) > "$work/want"
nfs_sums() { on_mount /ours 'find . -type f ! -path "./odd/*" ! -name below ! -name ".s3:*" -exec sha256sum {} + | sort -k2'; }
nfs_sums > "$work/nfs"
# Of a key beside a folder of its name the folder has the name over NFS.
grep -v '/n0000000$' "$work/want" > "$work/want.nfs"
cmp "$work/want.nfs" "$work/nfs" || fail 'content over NFS differs'
equal 'a file beside a folder of its name' "$(on_mount /ours 'cat "flat/.s3:~n0000000"')" 'content of 0'
s3 cp --only-show-errors s3://ours/large "$work/large"
cmp "$work/large" "$work/tree/data/large" || fail 'a large object differs'

step 'changed here: only here'
s3 cp --only-show-errors "$work/mine" s3://ours/flat/n0000010
s3 rm --only-show-errors s3://ours/flat/n0000020
on_mount /ours 'rm -r d1; mv d2 moved; echo more >> flat/n0000030; mkdir made; echo made > made/file'
equal 'a PUT here' "$(get /ours/flat/n0000010)" mine
equal 'an append here' "$(get /ours/flat/n0000030)" $'content of 30\nmore'
listed their_api theirs data/ > "$work/theirs.list2"
cmp "$work/theirs.list" "$work/theirs.list2" || fail 'the other bucket has changed'

step 'changed there: found by a read, and by a refresh; what was deleted here stays away'
echo changed | theirs cp --only-show-errors - s3://theirs/data/flat/n0000040
for _ in $(seq 20); do
  get /ours/flat/n0000040 > "$work/changed" 2> /dev/null && break
  sleep 0.2
done
equal 'content that was changed there' "$(cat "$work/changed")" changed
echo new | theirs cp --only-show-errors - s3://theirs/data/flat/new
theirs rm --only-show-errors s3://theirs/data/flat/n0000050
terrace cold refresh ours --wait
equal 'a new object' "$(get /ours/flat/new)" new
refused 'Not Found' api head-object --bucket ours --key flat/n0000050
refused 'Not Found' api head-object --bucket ours --key flat/n0000020
equal 'a directory that was removed here' "$(listed api ours d1/)" None
equal 'one that was renamed' "$(listed api ours d2/)" None
equal 'its content' "$(get /ours/moved/e2/n0000002)" 'content of 2'

step 'the other gateway away: local content goes on'
stop_other
equal 'content that is here' "$(get /ours/flat/n0000010)" mine
echo while away > "$work/mine2"
s3 cp --only-show-errors "$work/mine2" s3://ours/flat/while-away
if get /ours/flat/n0000060 > /dev/null 2>&1; then fail 'content that is away was read'; fi
start_other
for _ in $(seq 120); do
  get /ours/flat/n0000060 > "$work/back" 2> /dev/null && break
  sleep 0.5
done
equal 'content that is back' "$(cat "$work/back")" 'content of 60'

step 'detached: what was made here stays, the other bucket is as it was'
crash
terrace cold detach ours --wait
equal 'attached' "$(field bucket)" undefined
stop_other
listed api ours '' | cut -f1 | sort > "$work/left"
printf '%s\n' flat/n0000010 flat/n0000030 flat/while-away made/ made/file > "$work/left.want"
grep -v '^moved/' "$work/left" | cmp - "$work/left.want" || { cat "$work/left"; fail 'what is left'; }
equal 'an append here' "$(get /ours/flat/n0000030)" $'content of 30\nmore'
stop
echo 'attach: passed'
