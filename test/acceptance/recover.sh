#!/usr/bin/env bash
# The metadata are lost for good; the warm devices but two, the cold store and a copy of secrets.key are left. terrace recover makes
# a new data directory of them, which is compared with what was there through both doors; the old devices and the old bucket stay as
# they were. Needs the AWS CLI, jq, 1 GiB of disk, and an NFS client: root and a kernel that has one, or a program:
#
#   test/acceptance/recover.sh [--client PROGRAM] [--tree DIR]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export.
# DIR is a tree of some hundred files (the compiler in the project's node_modules).
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

tree=$PWD/node_modules/typescript/lib
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --tree) tree=$(realpath "$2") ;;
    *) usage "$1" ;;
  esac
  shift 2
done

terrace() { node dist/src/main.js "$@"; }
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
picture() { # of all that was there before: names, bytes and times
  for device in 1 2 3 4 5 6; do
    [ ! -d "$work/warm$device" ] || (cd "$work/warm$device" && find . -printf '%p %s %T@\n' | sort && sums .)
  done
  aws --endpoint-url "$other_endpoint" s3api list-objects-v2 --bucket cold --query 'Contents[].[Key,ETag,LastModified]'
}
report() { jq -r "$1" "$work/report"; }

step 'a gateway with six devices and a cold store'
start_other
aws --endpoint-url "$other_endpoint" s3 mb s3://cold > /dev/null
export TERRACE_COLD_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID TERRACE_COLD_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
cold_url="s3://cold/terrace?endpoint=$other_endpoint"
serve_flags=(--warm-ec 4+2 --cold "$cold_url")
for device in 1 2 3 4 5 6; do
  mkdir "$work/warm$device"
  serve_flags+=(--warm "$work/warm$device")
done
start
s3 mb s3://bucket > /dev/null
s3 mb s3://sealed > /dev/null
mkdir -p "$work/tree/lib" "$work/tree/large" "$work/tree/attributes"
cp -r "$tree/." "$work/tree/lib"
find "$work/tree/lib" -type f -empty -delete # what has no content is in no segment
for file in 1 2 3; do head -c 30M /dev/urandom > "$work/tree/large/$file"; done
s3 cp --recursive --only-show-errors "$work/tree" s3://bucket
printf 'hello' > "$work/tree/attributes/file"
api put-object --bucket bucket --key attributes/file --body "$work/tree/attributes/file" --content-type text/fine \
  --metadata owner=somebody --tagging class=old --server-side-encryption AES256 > /dev/null
on_mount /bucket 'mkdir nfs; head -c 3000000 /dev/zero | tr "\0" n > nfs/file; chmod 640 nfs/file; printf more >> nfs/file; ln nfs/file nfs/other; sync'
mkdir "$work/tree/nfs"
{ head -c 3000000 /dev/zero | tr '\0' n; printf more; } > "$work/tree/nfs/file"
cp "$work/tree/nfs/file" "$work/tree/nfs/other"
head -c 100000 /dev/urandom > "$work/secret"
api put-object --bucket sealed --key kms --body "$work/secret" --server-side-encryption aws:kms > /dev/null
sums "$work/tree" > "$work/want"

step 'everything moves, a part of it to the cold store; one object comes too late'
terrace tier move bucket --to warm --wait
terrace tier move bucket/large/ --to cold --wait
terrace tier move sealed --to warm --wait
terrace tier status
equal 'bytes in the hot tier' "$(terrace tier status --json | jq .hot.bytes)" 0
printf 'too late' > "$work/late"
s3 cp --only-show-errors "$work/late" s3://bucket/late
stop

step 'the data directory is lost, and two devices'
cp "$work/data/secrets.key" "$work/kept.key"
rm -rf "$work/data" "$work/warm2" "$work/warm5"
picture > "$work/before"

step 'recovery, into a gateway whose hot tier is smaller than what comes'
status=0
new_flags=(--hot-size 64Mi --warm-ec 2+1)
for device in 1 2 3; do
  mkdir "$work/new$device"
  new_flags+=(--warm "$work/new$device")
done
terrace recover --from-warm "$work/warm1" --from-warm "$work/warm3" --from-warm "$work/warm4" --from-warm "$work/warm6" \
  --from-cold "$cold_url" --from-secrets "$work/kept.key" --data "$work/data" "${new_flags[@]}" --json > "$work/report" || status=$?
cat "$work/report"
equal 'exit code' "$status" 3
equal 'what did not come back' "$(report '[.lost[] | .why + " " + .bucket + "/" + .key] | join(",")')" 'sealed sealed/kms'
equal 'segments lost' "$(report '.warm.segmentsLost + .cold.segmentsLost')" 0
equal 'devices' "$(report '.warm.devices | length')" 4
picture > "$work/after"
cmp "$work/before" "$work/after" || fail 'the old devices or the old bucket were changed'

step 'a gateway on it shows what was there, through both doors'
serve_flags=("${new_flags[@]}")
start
s3 sync --only-show-errors s3://bucket "$work/got"
sums "$work/got" | cmp - "$work/want" || fail 'content over S3 differs'
on_mount /bucket 'find . -type f -print0 | sort -z | xargs -0 sha256sum' | cmp - "$work/want" || fail 'content over NFS differs'
echo "$(wc -l < "$work/want") files have equal checksums through both doors"
equal 'type, metadata, encryption' \
  "$(api head-object --bucket bucket --key attributes/file --query '[ContentType,Metadata.owner,ServerSideEncryption]')" "$(printf 'text/fine\tsomebody\tAES256')"
equal 'tags' "$(api get-object-tagging --bucket bucket --key attributes/file --query 'TagSet[0].[Key,Value]')" "$(printf 'class\told')"
equal 'mode' "$(on_mount /bucket 'stat -c %a nfs/file')" 640
if api head-object --bucket bucket --key late > /dev/null 2>&1; then fail 'what never moved is in no segment'; fi
stop

step 'what is refused'
if terrace recover --from-warm "$work/warm1" --from-secrets "$work/kept.key" --data "$work/data" 2> "$work/refusal"; then fail 'a directory in use'; fi
grep -q 'is not empty' "$work/refusal" || fail "$(cat "$work/refusal")"
mkdir "$work/none"
if terrace recover --from-warm "$work/none" --from-secrets "$work/kept.key" --data "$work/new" 2> "$work/refusal"; then fail 'no device'; fi
grep -q 'is no device of a warm pool' "$work/refusal" || fail "$(cat "$work/refusal")"
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$work/wrong.key"
if terrace recover --from-warm "$work/warm1" --from-secrets "$work/wrong.key" --data "$work/new" 2> "$work/refusal"; then fail 'another key'; fi
grep -q 'Nothing was found' "$work/refusal" || fail "$(cat "$work/refusal")"
[ -z "$(ls -A "$work/new")" ] || fail 'a refusal leaves something behind'
echo 'recover: passed'
