#!/usr/bin/env bash
# The S3 door under client programs that others wrote, each with the calls its users make: AWS CLI, boto3, curl, s3cmd,
# rclone, restic, s3fs, mc; and a versioned bucket that is edited through a real NFS client. Clients that are not
# installed are named at the end and left out; the AWS CLI must be there.
#
#   test/acceptance/s3-clients.sh [--client PROGRAM] [--megabytes N] [--only "NAME…"]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export; the
# part about NFS is left out without it. N is the size of the large object (100), NAME one of the clients above, or nfs.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

client='' megabytes=100 only='awscli boto3 curl s3cmd rclone restic s3fs mc nfs'
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --megabytes) megabytes=$2 ;;
    --only) only=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

fuse='' passed='' missing=''
cleanup() { [ -z "$fuse" ] || fusermount -u "$work/s3fs" 2>/dev/null || true; }
same() { cmp "$1" "$2" || fail "$1 differs from $2"; }
same_tree() { diff -r "$1" "$2" || fail "$1 differs from $2"; }
refused() { # CODE COMMAND…: it must fail and say why
  local code=$1 said
  shift
  if said=$("$@" 2>&1); then fail "not refused: $*"; fi
  grep -q -- "$code" <<< "$said" || fail "$*: expected $code, got: $said"
}

make_tree() { # names that clients quote differently, empty files and files of several sizes
  mkdir -p "$1/deep/er/still" "$1/with space"
  : > "$1/empty"
  printf 'a+b %% & = ?' > "$1/a+b=c&d%20.txt"
  printf 'ünï' > "$1/grüße-日本.txt"
  printf 'quoted' > "$1/with space/it's (1) @home, ~me!.txt"
  for i in $(seq 40); do head -c $((i * 997)) /dev/urandom > "$1/deep/file$i"; done
  head -c 6000000 /dev/urandom > "$1/deep/er/still/six-million"
}

try_awscli() {
  step "AWS CLI: $(aws --version 2>&1)"
  s3 mb s3://awscli
  s3 sync --only-show-errors "$tree" s3://awscli/tree
  equal 'a second sync uploads' "$(s3 sync "$tree" s3://awscli/tree)" ''
  s3 sync --only-show-errors s3://awscli/tree "$work/awscli"
  same_tree "$tree" "$work/awscli"
  equal 'objects listed' "$(s3 ls --recursive s3://awscli | wc -l)" "$(find "$tree" -type f | wc -l)"

  step "AWS CLI: $megabytes MB in parts, copied in parts, streamed, presigned"
  s3 cp --only-show-errors "$large" s3://awscli/large
  grep -Eq -- '-[0-9]+"$' <<< "$(api head-object --bucket awscli --key large --query ETag)" || fail 'not a multipart ETag'
  s3 cp --only-show-errors s3://awscli/large s3://awscli/copy
  s3 mv --only-show-errors s3://awscli/copy s3://awscli/moved
  refused 404 api head-object --bucket awscli --key copy
  s3 cp --only-show-errors s3://awscli/moved "$work/large.back"
  same "$large" "$work/large.back"
  equal 'a streamed object' "$(s3 cp - s3://awscli/stream < "$large" && s3 cp s3://awscli/stream - | sum)" "$(sum "$large")"
  api get-object --bucket awscli --key large --range bytes=9000000-9000099 "$work/range" > /dev/null
  equal 'a range' "$(sum "$work/range")" "$(tail -c +9000001 "$large" | head -c 100 | sum)"
  url=$(s3 presign s3://awscli/large --expires-in 60)
  equal 'a presigned object' "$(curl -sSf "$url" | sum)" "$(sum "$large")"
  equal 'another object with the same signature' "$(curl -s -o /dev/null -w '%{http_code}' "${url/large/moved}")" 403
  s3 presign s3://awscli/large --expires-in 1 > "$work/url"
  sleep 3
  equal 'an expired URL' "$(curl -s -o "$work/denied" -w '%{http_code}' "$(cat "$work/url")")" 403
  grep -q 'Request has expired' "$work/denied" || fail "an expired URL is answered with $(cat "$work/denied")"

  awscli_versions
  awscli_configurations
  awscli_locks

  step 'AWS CLI: rm --recursive, rb'
  s3 rm --recursive --only-show-errors s3://awscli
  equal 'objects after rm --recursive' "$(s3 ls --recursive s3://awscli)" ''
  s3 rb s3://awscli
  refused NoSuchBucket s3 ls s3://awscli
}
awscli_versions() {
  step 'AWS CLI: versions, delete markers, tags'
  api create-bucket --bucket versions > /dev/null
  equal 'versioning of a new bucket' "$(api get-bucket-versioning --bucket versions --query Status)" None
  api put-bucket-versioning --bucket versions --versioning-configuration Status=Enabled
  equal versioning "$(api get-bucket-versioning --bucket versions --query Status)" Enabled
  first=$(printf one | s3 cp --quiet - s3://versions/key && api head-object --bucket versions --key key --query VersionId)
  second=$(printf two | s3 cp --quiet - s3://versions/key && api head-object --bucket versions --key key --query VersionId)
  marker=$(api delete-object --bucket versions --key key --query VersionId)
  refused 404 api head-object --bucket versions --key key
  equal 'the order of versions' "$(api list-object-versions --bucket versions --query 'Versions[].VersionId')" "$second	$first"
  equal 'the marker' "$(api list-object-versions --bucket versions --query 'DeleteMarkers[?IsLatest].VersionId')" "$marker"
  api get-object --bucket versions --key key --version-id "$first" "$work/first" > /dev/null
  equal 'the first version' "$(cat "$work/first")" one
  refused MethodNotAllowed api get-object --bucket versions --key key --version-id "$marker" "$work/never"
  api delete-object --bucket versions --key key --version-id "$marker" > /dev/null
  equal 'after the marker is gone' "$(s3 cp s3://versions/key -)" two
  api put-object-tagging --bucket versions --key key --version-id "$first" --tagging 'TagSet=[{Key=colour,Value=light blue}]' \
    > /dev/null
  equal 'a tag' "$(api get-object-tagging --bucket versions --key key --version-id "$first" --query 'TagSet[].[Key,Value]')" \
    'colour	light blue'
  equal 'tags of the other version' "$(api get-object-tagging --bucket versions --key key --query 'TagSet')" ''
  refused BucketNotEmpty s3 rb s3://versions
}
awscli_configurations() {
  step 'AWS CLI: policy, lifecycle, CORS, encryption, public access'
  policy='{"Version":"2012-10-17","Statement":[{"Sid":"read","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::versions/*"}]}'
  api put-public-access-block --bucket versions --public-access-block-configuration \
    BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
  refused AccessDenied api put-bucket-policy --bucket versions --policy "$policy"
  api delete-public-access-block --bucket versions
  refused NoSuchPublicAccessBlockConfiguration api get-public-access-block --bucket versions
  api put-bucket-policy --bucket versions --policy "$policy"
  equal 'the policy, byte for byte' "$(api get-bucket-policy --bucket versions --query Policy)" "$policy"
  equal 'the policy status' "$(api get-bucket-policy-status --bucket versions --query PolicyStatus.IsPublic)" True
  equal 'read by anyone' "$(aws --no-sign-request --endpoint-url "$endpoint" s3 cp s3://versions/key -)" two
  refused AccessDenied aws --no-sign-request --endpoint-url "$endpoint" s3 ls s3://versions
  api delete-bucket-policy --bucket versions
  refused NoSuchBucketPolicy api get-bucket-policy --bucket versions
  refused Forbidden aws --no-sign-request --endpoint-url "$endpoint" s3 cp s3://versions/key -

  refused NoSuchLifecycleConfiguration api get-bucket-lifecycle-configuration --bucket versions
  rules='{"Rules":[{"ID":"old","Filter":{"Prefix":"logs/"},"Status":"Enabled","Expiration":{"Days":30},"NoncurrentVersionExpiration":{"NoncurrentDays":7,"NewerNoncurrentVersions":2},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":1}}]}'
  api put-bucket-lifecycle-configuration --bucket versions --lifecycle-configuration "$rules" > /dev/null
  equal lifecycle "$(api get-bucket-lifecycle-configuration --bucket versions --query \
    'Rules[0].[ID,Filter.Prefix,Status,Expiration.Days,NoncurrentVersionExpiration.NewerNoncurrentVersions]')" 'old	logs/	Enabled	30	2'
  printf log | s3 cp --quiet - s3://versions/logs/today
  grep -q 'rule-id="old"' <<< "$(api head-object --bucket versions --key logs/today --query Expiration)" || fail 'no expiration'
  api delete-bucket-lifecycle --bucket versions

  refused NoSuchCORSConfiguration api get-bucket-cors --bucket versions
  api put-bucket-cors --bucket versions --cors-configuration \
    '{"CORSRules":[{"AllowedOrigins":["https://app.example"],"AllowedMethods":["PUT"],"MaxAgeSeconds":60}]}'
  equal CORS "$(curl -sS -X OPTIONS -H 'Origin: https://app.example' -H 'Access-Control-Request-Method: PUT' -D - -o /dev/null \
    "$endpoint/versions/key" | tr -d '\r' | grep -i '^access-control-allow-origin' | cut -d' ' -f2)" https://app.example
  equal 'default encryption' "$(api get-bucket-encryption --bucket versions --query \
    'ServerSideEncryptionConfiguration.Rules[].ApplyServerSideEncryptionByDefault.SSEAlgorithm')" AES256
  printf secret > "$work/secret"
  key=$(head -c 16 "$large" | sum | head -c 32)
  s3 cp --quiet --sse-c AES256 --sse-c-key "$key" "$work/secret" s3://versions/secret
  refused 400 api head-object --bucket versions --key secret
  equal SSE-C "$(s3 cp --sse-c AES256 --sse-c-key "$key" s3://versions/secret -)" secret
  equal owner "$(api get-bucket-ownership-controls --bucket versions --query 'OwnershipControls.Rules[].ObjectOwnership')" \
    BucketOwnerEnforced
  api put-bucket-tagging --bucket versions --tagging 'TagSet=[{Key=team,Value=blue}]'
  equal 'tag of the bucket' "$(api get-bucket-tagging --bucket versions --query 'TagSet[].[Key,Value]')" 'team	blue'
  api put-bucket-website --bucket versions --website-configuration '{"IndexDocument":{"Suffix":"index.html"}}'
  equal website "$(api get-bucket-website --bucket versions --query IndexDocument.Suffix)" index.html
}
awscli_locks() {
  step 'AWS CLI: object lock, retention, legal hold, default retention'
  refused ObjectLockConfigurationNotFoundError api get-object-lock-configuration --bucket versions
  api create-bucket --bucket locks --object-lock-enabled-for-bucket > /dev/null
  equal 'versioning of a lock bucket' "$(api get-bucket-versioning --bucket locks --query Status)" Enabled
  printf kept > "$work/kept"
  until=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
  kept=$(api put-object --bucket locks --key kept --body "$work/kept" --query VersionId)
  api put-object-retention --bucket locks --key kept --retention "Mode=GOVERNANCE,RetainUntilDate=$until" > /dev/null
  equal retention "$(api get-object-retention --bucket locks --key kept --query Retention.Mode)" GOVERNANCE
  refused AccessDenied api delete-object --bucket locks --key kept --version-id "$kept"
  api delete-object --bucket locks --key kept --version-id "$kept" --bypass-governance-retention > /dev/null
  held=$(api put-object --bucket locks --key held --body "$work/kept" --object-lock-legal-hold-status ON --query VersionId)
  equal 'legal hold' "$(api get-object-legal-hold --bucket locks --key held --query LegalHold.Status)" ON
  refused AccessDenied api delete-object --bucket locks --key held --version-id "$held"
  api put-object-legal-hold --bucket locks --key held --legal-hold Status=OFF > /dev/null
  api delete-object --bucket locks --key held --version-id "$held" > /dev/null
  api put-object-lock-configuration --bucket locks --object-lock-configuration \
    'ObjectLockEnabled=Enabled,Rule={DefaultRetention={Mode=COMPLIANCE,Days=1}}' > /dev/null
  api put-object --bucket locks --key default --body "$work/kept" > /dev/null
  equal 'default retention' "$(api head-object --bucket locks --key default --query ObjectLockMode)" COMPLIANCE
  refused InvalidBucketState api put-bucket-versioning --bucket locks --versioning-configuration Status=Suspended
}

try_boto3() {
  step "boto3: $(python3 -c 'import boto3; print(boto3.__version__)')"
  python3 - "$endpoint" "$large" <<'PYTHON'
import hashlib, io, sys, time, urllib.request
import boto3
from botocore.compat import HAS_CRT
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, large = sys.argv[1:]
s3 = boto3.client('s3', endpoint_url=endpoint)

def equal(what, got, want):
    assert got == want, f'{what}: got {got!r}, want {want!r}'

def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        equal(f'refusal of {arguments}', error.response['Error']['Code'], code)
        return error.response
    raise AssertionError(f'not refused: {arguments}')

s3.create_bucket(Bucket='boto3')
s3.get_waiter('bucket_exists').wait(Bucket='boto3')
want = hashlib.sha256(open(large, 'rb').read()).hexdigest()
algorithms = ['CRC32', 'SHA1', 'SHA256'] + (['CRC32C', 'CRC64NVME'] if HAS_CRT else [])
for algorithm in algorithms:
    s3.upload_file(large, 'boto3', algorithm, ExtraArgs={'ChecksumAlgorithm': algorithm, 'Metadata': {'algorithm': algorithm}},
                   Config=TransferConfig(multipart_chunksize=16 << 20))
    head = s3.head_object(Bucket='boto3', Key=algorithm, ChecksumMode='ENABLED')
    assert 'Checksum' + algorithm in head, head
    equal('metadata', head['Metadata'], {'algorithm': algorithm})
    got = hashlib.sha256(s3.get_object(Bucket='boto3', Key=algorithm, ChecksumMode='ENABLED')['Body'].read()).hexdigest()
    equal(algorithm, got, want)
    attributes = s3.get_object_attributes(Bucket='boto3', Key=algorithm, ObjectAttributes=['Checksum', 'ObjectParts', 'ObjectSize'])
    equal('parts', attributes['ObjectParts']['TotalPartsCount'], s3.head_object(Bucket='boto3', Key=algorithm, PartNumber=1)['PartsCount'])

s3.put_object(Bucket='boto3', Key='once', Body=b'1', IfNoneMatch='*')
refused('PreconditionFailed', s3.put_object, Bucket='boto3', Key='once', Body=b'2', IfNoneMatch='*')
etag = s3.head_object(Bucket='boto3', Key='once')['ETag']
s3.put_object(Bucket='boto3', Key='once', Body=b'3', IfMatch=etag)
refused('PreconditionFailed', s3.put_object, Bucket='boto3', Key='once', Body=b'4', IfMatch=etag)
equal('the conditional winner', s3.get_object(Bucket='boto3', Key='once')['Body'].read(), b'3')
equal('status', refused('NoSuchKey', s3.get_object, Bucket='boto3', Key='none')['ResponseMetadata']['HTTPStatusCode'], 404)
refused('NoSuchUpload', s3.list_parts, Bucket='boto3', Key='none', UploadId='none')
refused('InvalidRange', s3.get_object, Bucket='boto3', Key='once', Range='bytes=5-')
refused('304', s3.get_object, Bucket='boto3', Key='once', IfNoneMatch=s3.head_object(Bucket='boto3', Key='once')['ETag'])

keys = [f'many/{i % 10}/{i:04} ü+%' for i in range(1203)]
for key in keys:
    s3.put_object(Bucket='boto3', Key=key, Body=b'')
pages = list(s3.get_paginator('list_objects_v2').paginate(Bucket='boto3', Prefix='many/'))
equal('pages', [len(page['Contents']) for page in pages], [1000, 203])
equal('keys', [item['Key'] for page in pages for item in page['Contents']], sorted(keys, key=str.encode))
folders = s3.list_objects_v2(Bucket='boto3', Prefix='many/', Delimiter='/')
equal('prefixes', [item['Prefix'] for item in folders['CommonPrefixes']], [f'many/{i}/' for i in range(10)])
for at in range(0, len(keys), 1000):
    answer = s3.delete_objects(Bucket='boto3', Delete={'Objects': [{'Key': key} for key in keys[at:at + 1000]]})
    equal('deleted', len(answer['Deleted']), len(keys[at:at + 1000]))
    assert 'Errors' not in answer, answer['Errors']

for signature in ['s3', 's3v4']:
    signer = boto3.client('s3', endpoint_url=endpoint, config=Config(signature_version=signature))
    url = signer.generate_presigned_url('put_object', Params={'Bucket': 'boto3', 'Key': 'presigned'}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, method='PUT', data=signature.encode(), headers={'Content-Type': ''}))
    url = signer.generate_presigned_url('get_object', Params={'Bucket': 'boto3', 'Key': 'presigned'}, ExpiresIn=60)
    equal('presigned', urllib.request.urlopen(url).read(), signature.encode())

form = s3.generate_presigned_post('boto3', 'form', Conditions=[['content-length-range', 1, 10]])
line = 'x-boundary'
parts = ''.join(f'--{line}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in form['fields'].items())
body = parts + f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nposted\r\n--{line}--\r\n'
answer = urllib.request.urlopen(urllib.request.Request(
    form['url'], data=body.encode(), headers={'Content-Type': f'multipart/form-data; boundary={line}'}))
equal('form status', answer.status, 204)
equal('form', s3.get_object(Bucket='boto3', Key='form')['Body'].read(), b'posted')

bucket = boto3.resource('s3', endpoint_url=endpoint).Bucket('boto3')
bucket.Object('copy').copy({'Bucket': 'boto3', 'Key': 'SHA256'})
equal('copy', hashlib.sha256(bucket.Object('copy').get()['Body'].read()).hexdigest(), want)
bucket.objects.all().delete()
bucket.delete()
s3.get_waiter('bucket_not_exists').wait(Bucket='boto3')
equal('caller', boto3.client('sts', endpoint_url=endpoint).get_caller_identity()['ResponseMetadata']['HTTPStatusCode'], 200)
print(f'boto3: every check held; checksums: {" ".join(algorithms)}')
PYTHON
}

try_curl() {
  step "$(curl --version | head -1)"
  signed=(curl -sSf --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --aws-sigv4 aws:amz:us-east-1:s3)
  empty=(-H "x-amz-content-sha256: $(sum /dev/null)")
  "${signed[@]}" "${empty[@]}" -X PUT "$endpoint/curl"
  "${signed[@]}" -T "$tree/deep/file40" -H "x-amz-content-sha256: $(sum "$tree/deep/file40")" "$endpoint/curl/file40"
  "${signed[@]}" "${empty[@]}" "$endpoint/curl/file40" -o "$work/file40"
  same "$work/file40" "$tree/deep/file40"
  "${signed[@]}" "${empty[@]}" "$endpoint/curl?list-type=2" | grep -q '<Key>file40</Key>' || fail 'curl does not see the object'
  "${signed[@]}" "${empty[@]}" -X DELETE "$endpoint/curl/file40"
  "${signed[@]}" "${empty[@]}" -X DELETE "$endpoint/curl"
}

try_s3cmd() {
  step "$(s3cmd --version): put, get, sync, parts, ACLs, policy"
  cat > "$work/s3cfg" <<CONFIG
access_key = $AWS_ACCESS_KEY_ID
secret_key = $AWS_SECRET_ACCESS_KEY
host_base = 127.0.0.1:$s3_port
host_bucket = 127.0.0.1:$s3_port
use_https = False
CONFIG
  s3c() { s3cmd -c "$work/s3cfg" --no-progress -q "$@"; }
  # s3cmd sets ACLs: the bucket is made to have them, as it must be on AWS.
  api create-bucket --bucket s3cmd --object-ownership ObjectWriter > /dev/null
  api delete-public-access-block --bucket s3cmd
  s3c sync "$tree/" s3://s3cmd/tree/
  equal 'a second sync sends' "$(s3cmd -c "$work/s3cfg" --dry-run sync "$tree/" s3://s3cmd/tree/ | grep -c '^upload' || true)" 0
  mkdir "$work/s3cmd"
  s3c sync s3://s3cmd/tree/ "$work/s3cmd/"
  same_tree "$tree" "$work/s3cmd"
  s3c put --multipart-chunk-size-mb=8 --add-header=x-amz-meta-colour:blue --mime-type=text/x-large "$large" s3://s3cmd/large
  s3c get s3://s3cmd/large "$work/s3cmd-large"
  same "$large" "$work/s3cmd-large"
  s3c cp s3://s3cmd/large s3://s3cmd/copy
  s3c mv s3://s3cmd/copy s3://s3cmd/moved
  info=$(s3cmd -c "$work/s3cfg" info s3://s3cmd/large)
  grep -q "File size: $(stat -c %s "$large")" <<< "$info" || fail "s3cmd info: $info"
  grep -q 'x-amz-meta-colour: blue' <<< "$info" || fail "s3cmd info: $info"
  grep -q 'ACL:.*FULL_CONTROL' <<< "$info" || fail "s3cmd info: $info"
  s3c setacl --acl-public s3://s3cmd/large
  equal 'a public object' "$(curl -sSf "$endpoint/s3cmd/large" | sum)" "$(sum "$large")"
  s3c setacl --acl-private s3://s3cmd/large
  equal 'a private object' "$(curl -s -o /dev/null -w '%{http_code}' "$endpoint/s3cmd/large")" 403
  equal 'a signed URL' "$(curl -sSf "$(s3cmd -c "$work/s3cfg" signurl s3://s3cmd/moved +60 | sed "s#https\?://[^/]*#$endpoint#")" | sum)" \
    "$(sum "$large")"
  s3c modify --add-header=x-amz-meta-colour:red s3://s3cmd/moved
  equal 'metadata after modify' "$(api head-object --bucket s3cmd --key moved --query Metadata.colour)" red
  s3c expire --expiry-days=3 s3://s3cmd
  grep -qi "Expiration rule:.*'3' day" <<< "$(s3cmd -c "$work/s3cfg" info s3://s3cmd)" || fail 's3cmd does not see its expiration'
  equal 'uploads left' "$(s3cmd -c "$work/s3cfg" multipart s3://s3cmd | grep -c '^20' || true)" 0
  rm "$work/s3cmd/empty"
  s3c sync --delete-removed "$work/s3cmd/" s3://s3cmd/tree/
  refused 404 api head-object --bucket s3cmd --key tree/empty
  s3c del --recursive --force s3://s3cmd
  s3c rb s3://s3cmd
}

try_rclone() {
  step "$(rclone version | head -1): copy, check, sync"
  export RCLONE_CONFIG=$work/rclone.conf
  rc() { rclone --s3-provider Other --s3-endpoint "$endpoint" --s3-env-auth --s3-region us-east-1 -q --retries 1 "$@"; }
  rc mkdir :s3:rclone
  rc copy "$tree" :s3:rclone/tree
  rc check "$tree" :s3:rclone/tree
  rc check --download "$tree" :s3:rclone/tree
  rc copyto --s3-chunk-size 8M --s3-upload-cutoff 8M "$large" :s3:rclone/large
  equal 'large object' "$(rc cat :s3:rclone/large | sum)" "$(sum "$large")"
  equal 'its MD5' "$(rc md5sum :s3:rclone/large | cut -c1-32)" "$(md5sum "$large" | cut -c1-32)"
  rc copyto --s3-copy-cutoff 16M :s3:rclone/large :s3:rclone/server-side
  rc moveto :s3:rclone/server-side :s3:rclone/moved
  equal 'a copy made by the server' "$(rc cat :s3:rclone/moved | sum)" "$(sum "$large")"
  equal 'a stream' "$(rc rcat :s3:rclone/stream < "$large" && rc cat :s3:rclone/stream | sum)" "$(sum "$large")"
  cp -r "$tree" "$work/rclone"
  rm "$work/rclone/deep/file7"
  printf changed > "$work/rclone/deep/file8"
  rc sync "$work/rclone" :s3:rclone/tree
  rc check "$work/rclone" :s3:rclone/tree
  rc sync :s3:rclone/tree "$work/rclone-back"
  same_tree "$work/rclone" "$work/rclone-back"
  equal 'times' "$(rc lsf --format pt :s3:rclone/tree/deep/file8)" "file8;$(date -r "$work/rclone/deep/file8" '+%Y-%m-%d %H:%M:%S')"
  equal 'a link' "$(curl -sSf "$(rc link --expire 1m :s3:rclone/large)" | sum)" "$(sum "$large")"
  rc purge :s3:rclone
}

try_restic() {
  export RESTIC_PASSWORD=acceptance RESTIC_CACHE_DIR=$work/restic-cache
  api create-bucket --bucket restic-versioned > /dev/null
  api put-bucket-versioning --bucket restic-versioned --versioning-configuration Status=Enabled
  for bucket in restic restic-versioned; do
    step "$(restic version | head -1): init, backup, check, restore, forget --prune in $bucket"
    rs() { restic -q -r "s3:$endpoint/$bucket" "$@"; }
    rs init
    rs backup "$tree" "$large"
    cp -r "$tree" "$work/$bucket-second"
    printf changed > "$work/$bucket-second/deep/file8"
    rs backup "$work/$bucket-second"
    equal snapshots "$(rs snapshots --json | grep -o '"short_id"' | wc -l)" 2
    rs check --read-data
    rs restore latest --target "$work/$bucket-restored"
    same_tree "$work/$bucket-second" "$work/$bucket-restored/$work/$bucket-second"
    rs restore latest --path "$tree" --path "$large" --target "$work/$bucket-restored"
    same_tree "$tree" "$work/$bucket-restored/$tree"
    same "$large" "$work/$bucket-restored/$large"
    rs forget --keep-last 1 --group-by '' --prune
    rs check --read-data
    equal 'snapshots after forget' "$(rs snapshots --json | grep -o '"short_id"' | wc -l)" 1
  done
  [ "$(api list-object-versions --bucket restic-versioned --query 'length(DeleteMarkers)')" -gt 0 ] || fail 'no delete markers'
}

try_s3fs() {
  step "$(s3fs --version | head -1)"
  s3 mb s3://s3fs
  mkdir "$work/s3fs"
  printf '%s:%s' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" > "$work/s3fs-password"
  chmod 600 "$work/s3fs-password"
  s3fs_mount() {
    s3fs s3fs "$work/s3fs" -o "url=$endpoint,use_path_request_style,passwd_file=$work/s3fs-password,endpoint=us-east-1"
    fuse=mounted
  }
  s3fs_unmount() { fusermount -u "$work/s3fs"; fuse=''; }
  s3fs_mount
  cp -r "$tree" "$work/s3fs/tree"
  cp "$large" "$work/s3fs/large"
  printf more >> "$work/s3fs/large"
  mv "$work/s3fs/tree/deep" "$work/s3fs/tree/deeper"
  ln -s large "$work/s3fs/link"
  chmod 640 "$work/s3fs/large"
  rm "$work/s3fs/tree/empty"
  s3fs_unmount
  s3fs_mount # with nothing in its caches
  same_tree "$tree/deep" "$work/s3fs/tree/deeper"
  { cat "$large"; printf more; } | cmp - "$work/s3fs/link" || fail 'the large file differs'
  equal 'mode bits' "$(stat -c %a "$work/s3fs/large")" 640
  [ ! -e "$work/s3fs/tree/empty" ] || fail 'a removed file is back'
  equal 'the object as others see it' "$(s3 cp s3://s3fs/large - | sum)" "$({ cat "$large"; printf more; } | sum)"
  rm -r "$work/s3fs/tree"
  equal 'objects after rm -r' "$(s3 ls --recursive s3://s3fs/tree/ || true)" ''
  s3fs_unmount
}

try_mc() {
  step "$(mc --version | head -1)"
  export MC_CONFIG_DIR=$work/mc MC_HOST_terrace=http://$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY@127.0.0.1:$s3_port
  m() { mc --quiet "$@"; }
  m mb terrace/mclient
  m mirror "$tree" terrace/mclient/tree > /dev/null
  equal 'mc diff' "$(m diff "$tree" terrace/mclient/tree)" ''
  m mirror terrace/mclient/tree "$work/mc-back" > /dev/null
  same_tree "$tree" "$work/mc-back"
  m cp "$large" terrace/mclient/large > /dev/null
  m cp terrace/mclient/large terrace/mclient/copy > /dev/null
  equal 'a copy made by the server' "$(m cat terrace/mclient/copy | sum)" "$(sum "$large")"
  equal 'a stream' "$(m pipe terrace/mclient/stream < "$large" > /dev/null && m cat terrace/mclient/stream | sum)" "$(sum "$large")"
  m tag set terrace/mclient/large colour=blue > /dev/null
  m tag list terrace/mclient/large | grep -q 'colour.*blue' || fail 'mc tag'
  m version enable terrace/mclient > /dev/null
  printf two | m pipe terrace/mclient/large > /dev/null
  equal 'versions' "$(m ls --versions terrace/mclient/large | wc -l)" 2
  m ilm rule add --expire-days 3 terrace/mclient > /dev/null
  m ilm rule ls terrace/mclient | grep -q 3 || fail 'mc ilm'
  equal 'a shared object' "$(curl -sSf "$(m share download --expire 1m terrace/mclient/copy | sed -n 's/^Share: //p')" | sum)" "$(sum "$large")"
  m mb --with-lock terrace/mclient-locks > /dev/null
  printf kept | m pipe terrace/mclient-locks/kept > /dev/null
  m retention set governance 1d terrace/mclient-locks/kept > /dev/null
  m retention info terrace/mclient-locks/kept | grep -qi governance || fail 'mc retention'
  m rb --force terrace/mclient > /dev/null
  refused NoSuchBucket s3 ls s3://mclient
}

versions_of() { api list-object-versions --bucket edited --prefix "$1" --query "Versions[?Key=='$1'].VersionId" | tr '\t' '\n'; }
content_of() { # KEY VERSION
  api get-object --bucket edited --key "$1" --version-id "$2" "$work/content" > /dev/null
  cat "$work/content"
}
try_nfs() {
  step 'a versioned bucket on an NFS mount: edits become versions, locks hold, tags and metadata stay'
  api create-bucket --bucket edited --object-lock-enabled-for-bucket > /dev/null
  printf 'zero' > "$work/zero"
  api put-object --bucket edited --key folder/file --body "$work/zero" --metadata colour=blue --content-type text/x-note \
    --cache-control no-store --tagging 'team=red' > /dev/null
  until=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
  for key in retained held; do api put-object --bucket edited --key $key --body "$work/zero" > /dev/null; done
  api put-object-retention --bucket edited --key retained --retention "Mode=COMPLIANCE,RetainUntilDate=$until" > /dev/null
  api put-object-legal-hold --bucket edited --key held --legal-hold Status=ON > /dev/null
  locked=$(api list-object-versions --bucket edited --query "Versions[?Key!='folder/file'].[Key,VersionId,ETag]")

  on_mount /edited '
    printf " one" >> folder/file
    printf "made here" > made
    sync folder/file made
    sleep 12
    printf "two" > folder/file
    printf " and edited" >> made
    sync folder/file made
    for file in retained held; do
      # A client that does not know the name opens it with CREATE, which says nothing of locks: the write is refused.
      if printf x | dd status=none of=$file oflag=append conv=notrunc,fsync; then echo "$file was appended to"; exit 1; fi
      if truncate -s 0 $file; then echo "$file was truncated"; exit 1; fi
      if rm -f $file; then echo "$file was removed"; exit 1; fi
      if mv $file elsewhere; then echo "$file was renamed"; exit 1; fi
      printf other > other
      if mv -f other $file; then echo "$file was replaced"; exit 1; fi
      rm -f other
      [ "$(cat $file)" = zero ] || { echo "$file reads $(cat $file)"; exit 1; }
    done
  ' 2> "$work/refusals" || { cat "$work/refusals" >&2; fail 'on the mount'; }
  sort "$work/refusals" | uniq -c

  mapfile -t ids < <(versions_of folder/file)
  equal 'versions of the edited object' "${#ids[@]}" 3
  equal 'the edits, newest first' "$(for id in "${ids[@]}"; do content_of folder/file "$id"; echo; done)" "$(printf 'two\nzero one\nzero')"
  mapfile -t made < <(versions_of made)
  equal 'versions of the file made on the mount' "${#made[@]}" 2
  equal 'its contents' "$(for id in "${made[@]}"; do content_of made "$id"; echo; done)" "$(printf 'made here and edited\nmade here')"
  for id in "${ids[@]}"; do
    equal "metadata of $id" "$(api head-object --bucket edited --key folder/file --version-id "$id" --query \
      '[Metadata.colour,ContentType,CacheControl]')" 'blue	text/x-note	no-store'
    equal "tags of $id" "$(api get-object-tagging --bucket edited --key folder/file --version-id "$id" --query 'TagSet[].[Key,Value]')" \
      'team	red'
  done
  equal 'the locked objects' "$(api list-object-versions --bucket edited --query \
    "Versions[?Key!='folder/file' && Key!='made' && Key!='other'].[Key,VersionId,ETag]")" "$locked"
  equal 'delete markers over them' "$(api list-object-versions --bucket edited --query \
    "length((DeleteMarkers || \`[]\`)[?Key=='retained' || Key=='held'])")" 0
}

present() {
  case $1 in
    awscli) command -v aws ;;
    boto3) python3 -c 'import boto3' ;;
    s3fs) command -v s3fs && command -v fusermount && [ -c /dev/fuse ] ;;
    mc) mc --version | grep -qi minio ;;
    nfs) [ -n "$client" ] ;;
    *) command -v "$1" ;;
  esac > /dev/null 2>&1
}

present awscli || fail 'there is no AWS CLI'
tree=$work/tree large=$work/large
make_tree "$tree"
head -c $((megabytes * 1000000)) /dev/urandom > "$large"
start
for name in $only; do
  if present "$name"; then
    before=$SECONDS
    "try_$name"
    passed="$passed $name ($((SECONDS - before)) s)"
  else
    missing="$missing $name"
    step "left out: $name is not here"
  fi
done

stop
echo "s3-clients: passed:$passed; left out:${missing:- none}"
