#!/usr/bin/env bash
# One bucket, two doors: what S3 writes NFS reads and the other way round, with real clients and a gateway that is killed
# in between. Needs the AWS CLI, git and tar; and either root and a kernel with an NFS client, or a program that has one:
#
#   test/acceptance/two-doors.sh [--client PROGRAM] [--tree DIR] [--files N]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND in a mount of the export.
# DIR is a tree of some thousand files to copy (the project's node_modules), N how many files the renamed directory has.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

tree=$PWD/node_modules files=10000
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --tree) tree=$(realpath "$2") ;;
    --files) files=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

step "a bucket, and a tree of $(find -L "$tree" -type f | wc -l) files into it with aws s3 sync"
start
s3 mb s3://bucket
s3 sync --only-show-errors "$tree" s3://bucket/tree
crash

step 'the same tree on the mount, after a crash: diff -r'
on_mount /bucket 'diff -r "$1" tree && echo "no difference"' "$tree" || fail 'the mount differs from the source'

step "git clone, cp -rL and tar x on the mount"
tar -cf "$work/tree.tar" -C "$tree/.." "$(basename "$tree")"
on_mount /bucket '
  git -c safe.directory="*" clone -q --no-local "$1" clone
  git -C clone -c safe.directory="*" fsck --no-dangling
  mkdir unpacked
  tar -xf "$2" -C unpacked
  cp -rL "$3" copied
  sync
' "$PWD" "$work/tree.tar" "$tree"
crash

step 'read back through S3: equal checksums'
s3 sync --only-show-errors s3://bucket/ "$work/back"
diff -r "$tree" "$work/back/copied" || fail 'the copied tree differs'
tar -xf "$work/tree.tar" -C "$work" --one-top-level=reference
sums "$work/reference" > "$work/want"
# Symlinks are objects that hold their target; tar has them as symlinks, so they are left out on both sides.
(cd "$work/back/unpacked" && cut -c67- "$work/want" | tr '\n' '\0' | xargs -0 sha256sum) > "$work/got"
cmp "$work/want" "$work/got" || fail 'the unpacked tree differs'
git -c safe.directory='*' clone -q "$work/back/clone/.git" "$work/again" 2>/dev/null || true
[ "$(git -C "$work/back/clone" -c safe.directory='*' rev-parse HEAD)" = "$(git rev-parse HEAD)" ] || fail 'the clone differs'
echo "$(wc -l < "$work/want") files have equal checksums"

step "a directory of $files files is renamed on the mount, in one step, and S3 sees it at once"
on_mount /bucket '
  mkdir many
  i=0
  while [ $i -lt "$1" ]; do : > "many/f$i"; i=$((i + 1)); done
  before=$(date +%s%N)
  mv many moved
  echo "mv took $((($(date +%s%N) - before) / 1000000)) ms"
' "$files"
[ "$(s3 ls s3://bucket/moved/ | grep -c ' f[0-9]*$')" = "$files" ] || fail 'S3 does not list the renamed directory'
[ -z "$(s3 ls s3://bucket/many/ || true)" ] || fail 'S3 still lists the old name'
crash
[ "$(s3 ls s3://bucket/moved/ | grep -c ' f[0-9]*$')" = "$files" ] || fail 'the rename was lost in a crash'
echo "$files names under moved/, none under many/"

stop
echo 'two-doors: passed'
