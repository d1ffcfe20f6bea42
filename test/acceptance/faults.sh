#!/usr/bin/env bash
# Faults of parts with the real process: a hot device (a loop device) of which parts cannot be read, that is full, hangs, and rots; one
# that refuses writes (zram); a warm device that hangs and turns read-only; a cold store behind a proxy that fails, lies and is gone;
# a full disk under the metadata. Each time: nothing acknowledged is lost, nothing else is read, the status names the part, and all is
# well when the part is. Needs root, curl, python3 and the AWS CLI; what the kernel lacks is left out with a line that says so:
#
#   test/acceptance/faults.sh [--client PROGRAM] [--seconds N]
#
# With a PROGRAM, as test/acceptance/tiers.sh has it, errors are tried over NFS as well. N: how long each fault of the cold store lasts, 8.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

client='' seconds=8
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --seconds) seconds=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

terrace() { node dist/src/main.js "$@"; }
status() { # EXPRESSION: of the status as `it`; a gateway in trouble makes the command fail
  { terrace status --json || true; } | node -e 'const it = JSON.parse(require("fs").readFileSync(0)); console.log('"$1"')'
}
alerts() { status 'it.health.alerts.join("\n")'; }
told() { # SECONDS PATTERN: an alert says so, within that time
  for _ in $(seq "$1"); do
    alerts | grep -qE "$2" && { echo "told: $(alerts | grep -E "$2" | head -1)"; return; }
    sleep 1
  done
  alerts >&2
  fail "nobody is told: $2"
}
over() { # SECONDS PATTERN: no alert says so any more, within that time
  for _ in $(seq "$1"); do
    alerts | grep -qE "$2" || return 0
    sleep 1
  done
  alerts >&2
  fail "still told after $1 s: $2"
}
call() { # METHOD PATH [CURL OPTION…]: the status code; 000 for no answer
  curl -sS -m 90 -o "$work/body" -w '%{http_code}' --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    --aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X "$1" "${@:3}" "$endpoint$2" 2> /dev/null || true
}
size() { echo $(((${1//[^0-9]/} % 4 + 1) * 70000)); }
body() { # NAME: what the object of that name holds
  openssl enc -aes-128-ctr -nosalt -pass "pass:$1" -in /dev/zero 2> /dev/null | head -c "$(size "$1")" || true
}
put() { body "$1" > "$work/sent" && call PUT "/bucket/$1" -T "$work/sent"; }
fill() { # PREFIX COUNT
  for number in $(seq "$2"); do equal "PUT $1/$number" "$(put "$1/$number")" 200; done
}
holds() { cmp -s "$work/body" <(body "$1") || fail "$1 holds something else"; }
check() { # PREFIX COUNT: all of them are what was put there
  for number in $(seq "$2"); do
    equal "GET $1/$number" "$(call GET "/bucket/$1/$number")" 200
    holds "$1/$number"
  done
  echo "$1: $2 objects read back"
}
check_some() { # PREFIX COUNT ERROR-PATTERN: each is what was put there, or an error that says so; sets `errors`
  errors=0
  for number in $(seq "$2"); do
    local code
    code=$(call GET "/bucket/$1/$number")
    case $code in
      200) holds "$1/$number" ;;
      *) [[ $code =~ ^($3)$ ]] || fail "GET $1/$number: $code"; errors=$((errors + 1)) ;;
    esac
  done
  echo "$1: $(($2 - errors)) of $2 objects read back, $errors told as errors"
}
move() { terrace tier move "bucket/$1" --to "$2" --wait > "$work/moved" 2>&1 || { cat "$work/moved" >&2; fail "move $1 to $2"; }; }
scrub() { terrace scrub --wait --json > "$work/scrub" || { cat "$work/scrub" >&2; fail 'scrub'; }; cat "$work/scrub"; }

cold='' proxy='' loops=() zram='' cgroup=/sys/fs/cgroup/blkio/terrace-faults-$$
limit() { # BYTES PER SECOND of the hot loop device, 0 for no limit
  for way in read write; do echo "$device $1" > "$cgroup/blkio.throttle.${way}_bps_device"; done
}
cleanup() {
  fsfreeze -u "$work/warm2" 2> /dev/null || true
  [ ! -d "$cgroup" ] || limit 0 2> /dev/null || true
  for process in $gateway $cold $proxy; do { kill -9 "$process" && wait "$process"; } 2> /dev/null || true; done
  gateway=''
  umount "$work/warm2" "$work/data" 2> /dev/null || true
  for loop in ${loops[@]+"${loops[@]}"}; do losetup -d "$loop" 2> /dev/null || true; done
  [ -z "$zram" ] || { echo 1 > "/sys/block/zram$zram/reset"; echo "$zram" > /sys/class/zram-control/hot_remove; } 2> /dev/null || true
  rmdir "$cgroup" 2> /dev/null || true
}
file_system() { # NAME MEBIBYTES: ext4 in a file, mounted at $work/NAME
  truncate -s "$2M" "$work/$1.img"
  mkfs.ext4 -q -F "$work/$1.img"
  mkdir -p "$work/$1"
  mount -o loop "$work/$1.img" "$work/$1"
}
see() { # BYTES: the hot loop device ends there from now on; 0: with its file. What lies beyond stays in the file
  python3 - "$hot" "$1" << 'PYTHON'
import fcntl, struct, sys
LOOP_SET_STATUS64, LOOP_GET_STATUS64 = 0x4C04, 0x4C05
with open(sys.argv[1], "rb") as loop:
    info = bytearray(232)
    fcntl.ioctl(loop, LOOP_GET_STATUS64, info)
    struct.pack_into("<Q", info, 32, int(sys.argv[2]))
    fcntl.ioctl(loop, LOOP_SET_STATUS64, bytes(info))
PYTHON
}

step 'a cold store behind a proxy, a warm pool of three devices, a hot loop device, metadata on a small file system'
file_system data 640
file_system warm2 512
truncate -s 384M "$work/hot.img"
hot=$(losetup --find --show "$work/hot.img")
loops+=("$hot")
device=$(lsblk -dno MAJ:MIN "$hot" | tr -d ' ')
: > "$work/cold.out"
env -u TERRACE_COLD_ACCESS_KEY_ID node dist/src/main.js serve --data "$work/cold" --s3 127.0.0.1:0 --nfs 127.0.0.1:0 \
  --admin 127.0.0.1:0 > "$work/cold.out" 2>> "$work/cold.log" &
cold=$!
for _ in $(seq 300); do grep -q '^ready' "$work/cold.out" && break; sleep 0.1; done
cold_port=$(sed -nE 's/^ready.*s3=http:\/\/[^ ]*:([0-9]+).*/\1/p' "$work/cold.out")
[ -n "$cold_port" ] || fail 'the cold store did not start'
aws --endpoint-url "http://127.0.0.1:$cold_port" s3 mb s3://cold
echo well > "$work/mode"
python3 test/acceptance/fault-proxy.py "$cold_port" "$work/mode" > "$work/proxy.out" 2> "$work/proxy.log" &
proxy=$!
for _ in $(seq 100); do [ -s "$work/proxy.out" ] && break; sleep 0.1; done
export TERRACE_COLD_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID TERRACE_COLD_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
mkdir "$work/warm1" "$work/warm3"
serve_flags=(--hot-path "$hot" --warm "$work/warm1" --warm "$work/warm2" --warm "$work/warm3" --warm-ec 2+1
  --cold "s3://cold/terrace?endpoint=http://127.0.0.1:$(cat "$work/proxy.out")")
start
equal 'a bucket' "$(call PUT /bucket)" 200
fill only 12
fill copied 24
move copied warm
move copied hot
fill warm 12
move warm warm
fill cold 12
move cold cold

step 'the hot device cannot be read behind its first MiB (EIO), and takes no writes there (ENOSPC)'
crash # memory has nothing then
see $((2 << 20))
check copied 24
check_some only 12 500
[ "$errors" -gt 0 ] || fail 'nothing lies where nothing can be read'
if [ -n "$client" ]; then
  on_mount /bucket 'errors=0; for file in only/*; do cat "$file" > /dev/null 2> /tmp/error || { grep -q "Input/output error" /tmp/error; errors=1; }; done
    [ "$errors" = 1 ]; cat copied/* > /dev/null' || fail 'NFS'
fi
code=$(put late/1)
[[ $code =~ ^(200|503|507)$ ]] || fail "a PUT that has no place: $code"
told 5 'hot device fails'
told 5 'cannot be read in any tier'
see 0
check only 12
check copied 24
over 120 'cannot be read in any tier'
equal 'a PUT afterwards' "$(put late/2)" 200

step 'bits of the hot device flip: all found, all healed from lower copies'
for number in $(seq 12); do equal 'DELETE' "$(call DELETE "/bucket/only/$number")" 204; done
for number in 1 2; do call DELETE "/bucket/late/$number" > /dev/null; done
crash
python3 - "$work/hot.img" << 'PYTHON'
import sys
with open(sys.argv[1], "r+b") as disk:
    for at in range(2 << 20, 24 << 20, 40_000):
        disk.seek(at)
        byte = disk.read(1)[0]
        disk.seek(at)
        disk.write(bytes([byte ^ 4]))
PYTHON
scrub
grep -q '"corrupt":[1-9]' "$work/scrub" || fail 'nothing was found'
grep -q '"unrecoverable":0' "$work/scrub" || fail 'content is lost'
scrub
grep -q '"corrupt":0' "$work/scrub" || fail 'not all was healed'
check copied 24

step 'the hot device hangs'
if mkdir "$cgroup" 2> /dev/null && [ -w "$cgroup/blkio.throttle.read_bps_device" ]; then
  fill only 6
  crash
  echo "$gateway" > "$cgroup/cgroup.procs"
  limit 1
  check copied 24
  told 30 'hot device has not answered'
  check_some only 6 '503'
  equal 'a PUT meanwhile' "$(put late/3)" 503
  limit 0
  over 60 'hot device has not answered'
  check copied 24
  check only 6
  equal 'a PUT afterwards' "$(put late/3)" 200
else
  echo 'left out: this kernel has no blkio.throttle'
fi

step 'a warm device hangs, then turns read-only'
crash
fsfreeze -f "$work/warm2"
check warm 12
told 60 'warm2.*(does not answer|fails|missing)'
fsfreeze -u "$work/warm2"
over 90 'warm2.*(does not answer|fails|missing)'
mount -o remount,ro "$work/warm2"
told 60 'warm2.*takes no writes'
check warm 12
mount -o remount,rw "$work/warm2"
over 90 'warm2.*takes no writes'
scrub

step "the cold store fails in seven ways, $seconds seconds each, under load"
load=0
for mode in 500 503 lost corrupt mixed gone silence; do
  echo "$mode" > "$work/mode"
  until_second=$((SECONDS + seconds))
  while [ "$SECONDS" -lt "$until_second" ]; do
    load=$((load + 1))
    equal "PUT while the cold store is $mode" "$(put "load/$load")" 200
    timeout 5 node dist/src/main.js tier move bucket/load --to cold > /dev/null 2>&1 || true
    number=$((load % 12 + 1))
    code=$(call GET "/bucket/cold/$number")
    case $code in 200) holds "cold/$number" ;; 5??) ;; *) fail "GET cold/$number while the cold store is $mode: $code" ;; esac
  done
  case $mode in gone | silence) told 60 'cold store .* out of reach' ;; esac
  echo well > "$work/mode"
  over 90 'cold store .* out of reach'
  echo "$mode: $load objects so far"
done
move load cold
check load "$load"
check cold 12
scrub

step 'the disk of the metadata is full'
left() { df --output=avail -B1 "$work/data" | tail -1; }
fallocate -l $(($(left) - (30 << 20))) "$work/data/ballast"
sleep 2
put late/4 > /dev/null # what was found before may be a second old
sleep 2
equal 'a PUT that has no room' "$(put late/5)" 507
check copied 24
equal 'a DELETE' "$(call DELETE /bucket/copied/24)" 204
told 5 'file system of the metadata'
rm "$work/data/ballast"
over 10 'file system of the metadata'
equal 'a PUT afterwards' "$(put late/5)" 200

step 'not a byte is left for the metadata: whatever was acknowledged is true when there is room again'
fallocate -l $(($(left) - (2 << 20))) "$work/data/ballast" || true
cat /dev/zero > "$work/data/ballast2" 2> /dev/null || true
declare -A gone=()
for round in 1 2 3; do
  for number in $(seq 13 23); do
    [ "$(call DELETE "/bucket/copied/$number")" != 204 ] || gone[$number]=1
    call PUT "/bucket/late/small-$number?tagging" -d '<Tagging><TagSet/></Tagging>' > /dev/null
  done
done
kill -0 "$gateway" 2> /dev/null && echo 'the gateway goes on' || echo 'the gateway has stopped'
rm -f "$work/data/ballast" "$work/data/ballast2"
if ! kill -0 "$gateway" 2> /dev/null; then gateway=''; start; fi
for number in $(seq 13 23); do
  code=$(call GET "/bucket/copied/$number")
  case $code in
    404) ;;
    200) [ -z "${gone[$number]-}" ] || fail "copied/$number was deleted"; holds "copied/$number" ;;
    *) fail "GET copied/$number: $code" ;;
  esac
done
check copied 12
check load "$load"
kill -TERM "$gateway"
wait "$gateway" || fail "exit status $? on SIGTERM"
gateway=''

step 'a hot device that refuses writes (EIO)'
if zram=$(cat /sys/class/zram-control/hot_add 2> /dev/null); then
  umount "$work/data"
  echo 384M > "/sys/block/zram$zram/disksize"
  serve_flags=(--hot-path "/dev/zram$zram")
  start
  equal 'a bucket' "$(call PUT /bucket)" 200
  fill only 12
  echo 1M > "/sys/block/zram$zram/mem_limit"
  crash
  equal 'a PUT meanwhile' "$(put late/1)" 503
  told 5 'hot device fails .*writes'
  check only 12
  echo 0 > "/sys/block/zram$zram/mem_limit"
  equal 'a PUT afterwards' "$(put late/1)" 200
  check only 12
  check late 1
else
  echo 'left out: this kernel has no zram'
fi
echo 'faults: passed'
