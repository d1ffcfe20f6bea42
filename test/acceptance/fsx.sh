#!/usr/bin/env bash
# fsx, the file system exerciser, on a mount: random reads, writes, truncations, mapped reads and writes of one file, each checked
# against what must be there; then again while S3 reads the same file; and the file as S3 sees it at the end. And fsstress, which
# makes, changes, moves and removes files at random in several processes, while the gateway is killed again and again.
#
#   test/acceptance/fsx.sh --fsx PROGRAM [--fsstress PROGRAM] [--client PROGRAM] [--operations N] [--seeds "N…"]
#
# The fsx of xfstests (ltp/fsx.c) or of the Linux Test Project (fsx-linux), and the fsstress of either. PROGRAM of --client is
# called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export, with caches of its own.
# N operations (100,000) for each seed (1 2 3).
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

fsx='' fsstress='' operations=100000 seeds='1 2 3'
while [ $# -gt 0 ]; do
  case $1 in
    --fsx) fsx=$(realpath "$2") ;;
    --fsstress) fsstress=$(realpath "$2") ;;
    --client) client=$2 ;;
    --operations) operations=$2 ;;
    --seeds) seeds=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done
[ -x "$fsx" ] || fail "no program '$fsx': say --fsx PROGRAM"

exercise() { # FILE SEED OPTION…
  on_mount /fsx '
    fsx=$1 file=$2 operations=$3 seed=$4
    shift 4
    "$fsx" -q -N "$operations" -S "$seed" "$@" "$file" > "$file.out" 2>&1 || { grep -v "^[0-9]" "$file.out" | head -n 20; tail -n 40 "$file.out"; exit 1; }
    sha256sum < "$file" | cut -c1-64
  ' "$fsx" "$1" "$operations" "${@:2}" > "$work/$1.sum" || { cat "$work/$1.sum"; fail "fsx with $*"; }
  equal "$1 through S3" "$(get "/fsx/$1" | sum)" "$(cat "$work/$1.sum")"
}

start
s3 mb s3://fsx
for seed in $seeds; do
  step "seed $seed: $operations operations"
  exercise "plain$seed" "$seed"
done
step 'a file of up to 16 MiB, operations of up to 1 MiB, closed and opened again now and then'
exercise large 11 -l 16777216 -o 1048576 -c 50
step 'pages of 4 KiB, whole'
exercise pages 12 -r 4096 -w 4096 -t 4096

step 'while S3 reads the file'
exercise watched 13 -c 100 &
exerciser=$!
reads=0 bytes=0
while kill -0 "$exerciser" 2>/dev/null; do
  # A body is as long as its header says, or curl fails; before the file is made there is none.
  if get /fsx/watched > "$work/watched"; then
    reads=$((reads + 1)) bytes=$((bytes + $(stat -c %s "$work/watched")))
  elif [ "$reads" -gt 0 ]; then fail 'a GET failed'; fi
done 2> "$work/gets"
wait "$exerciser" || fail 'fsx beside GETs'
[ "$reads" -gt 0 ] || fail 'no GET met the file'
echo "$reads GETs of $bytes bytes"

look='find tree -printf "%p %y %n %s %m %U %G %l\n" | sort; find tree -type f -print0 | sort -z | xargs -0 -r sha256sum'
if [ -n "$fsstress" ]; then
  step 'fsstress, five processes, while the gateway is killed five times'
  on_mount /fsx '"$1" -d tree -n 500 -p 5 -s 9 -l 1 > /dev/null 2>&1 || { echo "fsstress failed"; exit 1; }
    '"$look" "$fsstress" > "$work/tree" &
  stresser=$!
  for _ in 1 2 3 4 5; do
    sleep 8
    kill -0 "$stresser" 2>/dev/null || break
    crash
  done
  wait "$stresser" || fail 'fsstress'
  # The client that wrote it believes this of the tree; another one, with nothing in its caches, must agree.
  on_mount /fsx "$look" > "$work/tree.again"
  cmp "$work/tree" "$work/tree.again" || fail 'the tree is not what its writer believes'
  echo "$(wc -l < "$work/tree") lines about the tree are equal"
fi

stop
echo "fsx: passed: seeds $seeds 11 12 13, $operations operations each"
