#!/usr/bin/env bash
# The warm pool on real parts: six devices with file systems of their own (loop devices, where root has them; else
# directories), content that moves there, and what happens to disks. Needs the AWS CLI and jq; and either root and a kernel with an
# NFS client, or a program that has one:
#
#   test/acceptance/warm-pool.sh [--client PROGRAM] [--tree DIR] [--raw]
#
# With --raw every other device is a raw loop device, without a file system; that needs root and loop devices.
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export.
# DIR is a tree of some hundred files (the compiler in the project's node_modules).
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

tree=$PWD/node_modules/typescript/lib raw=no
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 && shift ;;
    --tree) tree=$(realpath "$2") && shift ;;
    --raw) raw=yes ;;
    *) usage "$1" ;;
  esac
  shift
done

has_loops=no
if [ "$(id -u)" = 0 ] && command -v mkfs.ext4 losetup > /dev/null && losetup -f > /dev/null 2>&1; then has_loops=yes; fi

[ $raw = no ] || [ $has_loops = yes ] || fail 'raw devices need root and loop devices'

is_raw() { # NAME: disks with an odd number
  [ $raw = yes ] && [ $((${1#disk} % 2)) = 1 ]
}
attach_raw() { # NAME: by a name that stays, as those below /dev/disk/by-id do
  ln -sfn "$(losetup -f --show "$work/$1.image")" "$work/$1"
}
detach_raw() { # NAME: the kernel lets it go when nobody has it open any more
  losetup -d "$(readlink "$work/$1")"
  rm "$work/$1"
}
fresh_disk() { # NAME: an empty disk at $work/NAME
  if is_raw "$1"; then
    rm -f "$work/$1.image"
    truncate -s 1G "$work/$1.image"
    attach_raw "$1"
    return
  fi
  mkdir -p "$work/$1"
  if [ $has_loops = yes ]; then
    truncate -s 1G "$work/$1.image"
    mkfs.ext4 -q -F "$work/$1.image"
    mount -o loop "$work/$1.image" "$work/$1"
  fi
}
lose_disk() { # NAME
  if is_raw "$1"; then detach_raw "$1"
  elif [ $has_loops = yes ]; then umount -l "$work/$1"; else mv "$work/$1" "$work/$1.away"; fi
}
bring_back() { # NAME
  if is_raw "$1"; then attach_raw "$1"
  elif [ $has_loops = yes ]; then mount -o loop "$work/$1.image" "$work/$1"; else mv "$work/$1.away" "$work/$1"; fi
}
cleanup() {
  [ -z "$gateway" ] || kill -9 "$gateway" 2> /dev/null || true
  for disk in "$work"/disk*; do [ ! -L "$disk" ] || losetup -d "$(readlink "$disk")" || true; done
  [ $has_loops = no ] || for disk in "$work"/disk*/; do while umount -l "$disk" 2> /dev/null; do :; done; done
}

terrace() { node dist/src/main.js "$@" --admin "$admin"; }
begin() {
  start
  admin=$(sed -nE 's/^ready.*admin=(http:[^ ]*).*/\1/p' "$work/out")
}
sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
read_back() { # WHAT: through both doors
  rm -rf "$work/back"
  s3 sync --only-show-errors s3://bucket/ "$work/back"
  sums "$work/back" | cmp - "$work/want" || fail "S3 reads something else $1"
  on_mount /bucket 'find . -type f -print0 | sort -z | xargs -0 sha256sum' > "$work/got"
  cmp "$work/got" "$work/want" || fail "NFS reads something else $1"
  echo "$(wc -l < "$work/want") files have equal checksums through both doors $1"
}
damage() { # NAME: random bytes of every shard
  if is_raw "$1"; then
    # Headers of shards begin at a block.
    { grep -obUa TSHD "$work/$1.image" || true; } | while IFS=: read -r at _; do
      [ $((at % 4096)) = 0 ] || continue
      head -c 64 /dev/urandom | dd of="$work/$1.image" bs=1 seek=$((at + RANDOM % 8000)) conv=notrunc status=none
    done
    return
  fi
  find "$work/$1/shards" -type f | while read -r shard; do
    head -c 64 /dev/urandom | dd of="$shard" bs=1 seek=$((RANDOM * 4 % $(stat -c %s "$shard") / 2)) conv=notrunc status=none
  done
}
is_empty() { # NAME: after a drain
  if is_raw "$1"; then node dist/src/main.js warm erase "$work/$1" | grep -q ' is empty'
  else [ -z "$(find "$work/$1" -mindepth 1 -not -name lost+found)" ]; fi
}
listed() { terrace warm list --json | jq -r "$1"; }

for n in 1 2 3 4 5 6; do fresh_disk "disk$n"; done
TERRACE_WARM=$(printf "$work/disk%s," 1 2 3 4 5 6)
export TERRACE_WARM TERRACE_WARM_EC=4+2

step "a tree of $(find "$tree" -type f | wc -l) files moves to the warm pool (loop devices: $has_loops, raw: $raw)"
begin
s3 mb s3://bucket > /dev/null
s3 sync --only-show-errors "$tree" s3://bucket/
sums "$tree" > "$work/want"
terrace tier move bucket --to warm --wait
terrace warm list
[ "$(listed .segments)" -gt 0 ] || fail 'nothing is in the warm pool'
read_back 'from the warm pool'

step 'two disks are lost, and the gateway is killed'
lose_disk disk2
lose_disk disk5
crash
admin=$(sed -nE 's/^ready.*admin=(http:[^ ]*).*/\1/p' "$work/out")
equal 'missing devices' "$(listed '[.devices[] | select(.state == "missing")] | length')" 2
read_back 'with two disks lost'

step 'they are replaced, one by a disk at the same place'
fresh_disk disk7
terrace warm replace "$work/disk2" "$work/disk7" --wait
rm -rf "$work/disk5.away"
fresh_disk disk5
terrace warm replace "$work/disk5" "$work/disk5" --wait
terrace warm rebuild --wait
equal 'missing shards' "$(listed .shardsMissing)" 0
terrace scrub --wait --json | tee "$work/scrub"
equal 'corrupt after the rebuild' "$(jq .corrupt "$work/scrub")" 0

step 'random bytes of one disk are damaged: all are found and healed'
damage disk3
read_back 'with damage on one disk'
terrace scrub --wait --json > "$work/scrub"
equal 'unrecoverable' "$(jq .unrecoverable "$work/scrub")" 0
terrace scrub --wait --json > "$work/scrub"
equal 'corrupt after the healing' "$(jq .corrupt "$work/scrub")" 0

step 'a disk is added and another one drained'
fresh_disk disk8
terrace warm add "$work/disk8"
terrace warm drain "$work/disk1" --wait
is_empty disk1 || fail 'the drained disk is not empty'
read_back 'after a drain'

step 'three disks are lost: a clear error for what is gone, all else is served; they come back'
terrace tier move bucket --to warm --wait # what was read often has a hot copy by now
for n in 3 4 6; do lose_disk "disk$n"; done
crash # what was read lately is in memory
admin=$(sed -nE 's/^ready.*admin=(http:[^ ]*).*/\1/p' "$work/out")
# The largest: of a small one all chunks may lie in shards that are still there.
object=$(cd "$tree" && find . -type f -printf '%s %P\n' | sort -rn | head -1 | cut -d' ' -f2-)
if get "/bucket/$object" > "$work/answer" 2> "$work/refusal"; then fail 'a GET of what is gone succeeded'; fi
echo "a GET of what is gone: $(cat "$work/refusal")"
# Ten minutes long the disks may come back: a client of NFS waits for them.
if on_mount /bucket 'timeout -s KILL 15 cat "$1" > /dev/null' "$object" 2> "$work/refusal"; then fail 'a mount reads what is gone'; fi
echo "a mount: $(tail -1 "$work/refusal")"
echo new | s3 cp --only-show-errors - s3://bucket/new
equal 'what is written meanwhile' "$(get /bucket/new)" new
s3 rm --only-show-errors s3://bucket/new
for n in 3 4 6; do bring_back "disk$n"; done
for _ in $(seq 60); do
  [ "$(listed '[.devices[] | select(.state == "missing")] | length')" != 0 ] || break
  sleep 1
done
read_back 'when all disks are back'
kill -TERM "$gateway"
wait "$gateway" || fail "exit status $? on SIGTERM"
gateway=''
echo
echo "$script: all is well"
