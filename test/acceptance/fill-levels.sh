#!/usr/bin/env bash
# Fill levels with real parts: a hot tier of 64 MiB and a warm pool of three small file systems take objects until both are full.
# Then writes are refused, reads and deletes go on, and what is deleted makes room. With a cold store beside them the warm
# tier drains by itself. Needs root, for the file systems, and curl:
#
#   test/acceptance/fill-levels.sh [--client PROGRAM]
#
# With a PROGRAM, as test/acceptance/tiers.sh has it, a full store is tried over NFS as well.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

client=''
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

mebibytes=2 objects_max=300
terrace() { node dist/src/main.js "$@"; }
status() { # EXPRESSION: of the status as `it`; a gateway in trouble makes the command fail
  { terrace status --json || true; } | node -e 'const it = JSON.parse(require("fs").readFileSync(0)); console.log('"$1"')'
}
call() { # METHOD PATH [CURL OPTION…]: the status code
  curl -sS -o "$work/body" -w '%{http_code}' --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    --aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X "$1" "${@:3}" "$endpoint$2"
}
body() { # NUMBER: what object NUMBER holds
  openssl enc -aes-128-ctr -nosalt -pass "pass:$1" -in /dev/zero 2> /dev/null | head -c "${mebibytes}M" || true
}
put() { body "$1" | call PUT "/bucket/$1" -H "content-length: $((mebibytes << 20))" -T - -H 'transfer-encoding:'; }
check() { # every object that is there is what was put
  for number in $(cat "$work/there"); do
    cmp -s <(get "/bucket/$number") <(body "$number") || fail "$1: object $number differs"
  done
}
warm_percent() { status 'Math.round(100 * it.tiers.warm.bytesStored / (it.tiers.warm.bytesStored + it.tiers.warm.bytesFree))'; }

cold=''
cleanup() {
  [ -z "$cold" ] || kill -9 "$cold" 2> /dev/null || true
  [ -z "$gateway" ] || { kill -9 "$gateway" && wait "$gateway"; } 2> /dev/null || true
  gateway=''
  for device in 1 2 3; do umount "$work/warm$device" 2> /dev/null || true; done
}

step 'a hot tier of 64 MiB, three warm devices of 224 MiB, no cold tier'
serve_flags=(--hot-size 64Mi --warm-ec 2+1)
for device in 1 2 3; do
  mkdir "$work/warm$device"
  mount -t tmpfs -o size=224m none "$work/warm$device"
  serve_flags+=(--warm "$work/warm$device")
done
start
equal 'a bucket' "$(call PUT /bucket)" 200

step 'objects until every tier is full'
refused=''
: > "$work/there"
for number in $(seq "$objects_max"); do
  code=$(put "$number")
  if [ "$code" = 200 ]; then echo "$number" >> "$work/there"; else refused="$code $(grep -o '<Code>[A-Za-z]*' "$work/body")"; break; fi
done
equal 'the refusal' "$refused" '507 <Code>StorageFull'
count=$(wc -l < "$work/there")
echo "$((count * mebibytes)) MiB taken; warm at $(warm_percent) %, mode $(status 'it.tiers.mode')"
[ "$(status 'it.tiers.mode')" != normal ] || fail 'the mode of a full hot tier is normal'
{ terrace status || true; } | grep 'warm tier is full' || fail 'no alert says that the warm tier is full'

step 'reads and deletes go on, and room that they make is taken'
check 'while full'
if [ -n "$client" ]; then
  on_mount /bucket 'if head -c 64M /dev/zero > full 2> said; then sync; echo "a write of 64 MiB was taken" >&2; exit 1; fi; rm -f full' \
    || fail 'NFS took more than there is room for'
fi
for number in $(head -20 "$work/there"); do equal "delete $number" "$(call DELETE "/bucket/$number")" 204; done
sed -i 1,20d "$work/there"
for number in 401 402 403; do
  for _ in $(seq 60); do
    code=$(put "$number")
    [ "$code" != 200 ] || break
    sleep 1
  done
  equal "a write after deletes" "$code" 200
  echo "$number" >> "$work/there"
done

step 'with a cold store the warm tier drains by itself'
env -u TERRACE_COLD_ACCESS_KEY_ID node dist/src/main.js serve --data "$work/cold" --s3 127.0.0.1:0 --nfs 127.0.0.1:0 \
  --admin 127.0.0.1:0 > "$work/cold.out" 2>> "$work/cold.log" &
cold=$!
for _ in $(seq 300); do grep -q '^ready' "$work/cold.out" && break; sleep 0.1; done
cold_endpoint=http://127.0.0.1:$(sed -nE 's/^ready.*s3=http:\/\/[^ ]*:([0-9]+).*/\1/p' "$work/cold.out")
gateway_endpoint=$endpoint endpoint=$cold_endpoint
equal 'a bucket of the cold store' "$(call PUT /cold)" 200
endpoint=$gateway_endpoint
export TERRACE_COLD_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID TERRACE_COLD_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
kill_gateway
serve_flags+=(--cold "s3://cold/terrace?endpoint=$cold_endpoint")
start
before=$(warm_percent)
for _ in $(seq 120); do
  [ "$(warm_percent)" -gt 65 ] || break
  sleep 2
done
echo "warm from $before % to $(warm_percent) %, cold: $(status 'it.tiers.cold.bytesLogical') bytes"
[ "$(warm_percent)" -le 65 ] || fail "the warm tier stays at $(warm_percent) %"
[ "$(status 'it.tiers.cold.bytesLogical')" -gt 0 ] || fail 'nothing went to the cold tier'
check 'after draining'
for number in $(seq 501 540); do
  equal "object $number beyond what hot and warm hold" "$(put "$number")" 200
  echo "$number" >> "$work/there"
done
check 'at the end'
stop
echo 'fill-levels: passed'
