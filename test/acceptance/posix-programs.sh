#!/usr/bin/env bash
# Programs that others wrote, on a mount: git with processes side by side, make, npm, tar, rsync, SQLite, and a PostgreSQL server
# whose data directory is on the mount while the gateway is killed. What is not installed is named at the end and left out.
#
#   test/acceptance/posix-programs.sh [--client PROGRAM] [--only "NAME…"] [--transactions N]
#
# PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND as root in a mount of the export, on a
# machine with the programs and this directory. NAME is one of git make npm tar rsync sqlite postgres. Each of four clients of
# PostgreSQL makes N transactions (250).
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

only='git make npm tar rsync sqlite postgres' transactions=250
while [ $# -gt 0 ]; do
  case $1 in
    --client) client=$2 ;;
    --only) only=$2 ;;
    --transactions) transactions=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done

try_git() {
  on_mount /git '
    git() { command git -c safe.directory="*" -c user.name=a -c user.email=a@example.org -c gc.auto=0 "$@"; }
    git clone -q --no-local "$1" clone
    cd clone
    [ -z "$(git status --porcelain)" ] || { git status --short; echo "a fresh clone is not clean"; exit 1; }
    for branch in one two three four; do git worktree add -q -b "$branch" "../$branch"; done
    pids=""
    for branch in one two three four; do
      (
        cd "../$branch"
        for turn in 1 2 3 4 5; do
          echo "$turn" > "new-$branch"
          git add "new-$branch"
          git commit -q -m "$branch $turn"
        done
      ) &
      pids="$pids $!"
    done
    for pid in $pids; do wait "$pid"; done
    git merge -q -m all one two three four
    git gc -q
    git fsck --full --strict --no-dangling
    [ "$(git rev-list --count HEAD "^$2")" = 21 ] || { git log --oneline; echo "commits are missing"; exit 1; }
    [ -z "$(git status --porcelain)" ] || { git status --short; echo "not clean"; exit 1; }
  ' "$work/source.git" "$(git -C "$work/source.git" -c safe.directory='*' rev-parse HEAD)"
}

try_make() {
  on_mount /make '
    i=0
    while [ $i -lt 30 ]; do echo "int f$i(void) { return $i; }" > "f$i.c"; i=$((i + 1)); done
    echo "int f7(void); int main(void) { return f7() - 7; }" > main.c
    printf "program: \$(patsubst %%.c,%%.o,\$(wildcard *.c))\n\t\$(CC) -o \$@ \$^\n" > Makefile
    make -s -j4
    ./program
    [ "$(make | tail -n 1)" = "make: '"'program'"' is up to date." ] || { echo "make does not know its own work"; exit 1; }
    sleep 1
    touch f3.c
    [ "$(make | grep -c -- " -c ")" = 1 ] || { echo "one changed file is not one compilation"; exit 1; }
  '
}

try_npm() { # packages that need no others, so that no registry is asked
  local packages
  packages=$(for name in typescript prettier yaml; do echo "$PWD/node_modules/$name"; done)
  # shellcheck disable=SC2086
  on_mount /npm '
    echo "{ \"private\": true }" > package.json
    npm install --offline --install-links --no-audit --no-fund --ignore-scripts --cache "$PWD/.cache" --silent "$@"
    for package; do
      # npm writes package.json anew and leaves out what a package does not publish.
      diff -r -x package.json -x node_modules "$package" "node_modules/$(basename "$package")"
    done
    echo "const n: number = 1; console.log(n);" > try.ts
    node_modules/.bin/tsc try.ts
    [ "$(node try.js)" = 1 ]
  ' $packages
}

try_tar() {
  on_mount /tar '
    tar -cf tree.tar -C "$1" .
    mkdir tree
    tar -xpf tree.tar -C tree
    tar --compare -f tree.tar -C tree
    tar -cf - tree | tar -tf - > list
    [ "$(wc -l < list)" = "$(find tree | wc -l)" ]
    cp -a tree copied
    diff -r --no-dereference -x fifo tree copied
    mv copied moved
    rm -r moved
  ' "$work/tree"
}

try_rsync() {
  on_mount /rsync '
    rsync -aH --delete "$1/" tree/
    [ -z "$(rsync -aHin --delete --checksum "$1/" tree/)" ] || { echo "rsync finds differences after itself"; exit 1; }
    echo more >> tree/changed
    rm -r tree/deep
    rsync -aH --delete "$1/" tree/
    diff -r --no-dereference -x fifo "$1" tree
    rsync -aH --inplace --append-verify tree/ back/
    diff -r --no-dereference -x fifo "$1" back
  ' "$work/tree"
}

try_sqlite() {
  on_mount /sqlite '
    sqlite3 data.db "PRAGMA journal_mode = DELETE; CREATE TABLE t (writer, turn, filling);" > /dev/null
    pids=""
    for writer in 1 2 3 4; do
      (
        turn=0
        while [ $turn -lt 25 ]; do
          echo "BEGIN IMMEDIATE; INSERT INTO t VALUES ($writer, $turn, hex(randomblob(2000))); COMMIT;"
          turn=$((turn + 1))
        done | sqlite3 -cmd ".timeout 120000" -bail data.db
      ) &
      pids="$pids $!"
    done
    for pid in $pids; do wait "$pid"; done
    sqlite3 data.db "DELETE FROM t WHERE turn % 2; VACUUM;"
    [ "$(sqlite3 data.db "PRAGMA integrity_check; SELECT count(*), count(DISTINCT writer) FROM t;")" = "ok
52|4" ] || { sqlite3 data.db "PRAGMA integrity_check; SELECT writer, count(*) FROM t GROUP BY 1;"; exit 1; }
  '
  get /sqlite/data.db > "$work/data.db"
  equal 'the database as S3 has it' "$(sqlite3 "$work/data.db" 'PRAGMA integrity_check')" ok
}

try_postgres() { # as its own user, with full syncs and checksums; the gateway is killed while clients commit
  local commands
  commands=$(
    cat <<'COMMANDS'
as() { setpriv --reuid=postgres --regid=postgres --init-groups env PATH="$programs:$PATH" HOME=/tmp "$@"; }
programs=$(dirname "$(readlink -f "$(command -v initdb)")")
chown postgres: .
chmod 700 .
as initdb -D data --data-checksums --no-locale -E UTF8 -A trust > initdb.log
as mkdir /tmp/pg
as pg_ctl -w -t 300 -D data -l server.log -o "-k /tmp/pg -c listen_addresses= -c shared_buffers=16MB" start > /dev/null
as createdb -h /tmp/pg bench
as pgbench -h /tmp/pg -q -i -s 1 bench 2> /dev/null
: > started
as pgbench -h /tmp/pg -n -c 4 -j 2 -t "$1" bench > pgbench.log 2>&1 || { cat pgbench.log server.log; exit 1; }
count=$(as psql -h /tmp/pg -AtX -c 'SELECT count(*) FROM pgbench_history' bench)
[ "$count" = $(($1 * 4)) ] || { echo "$count transactions of $(($1 * 4))"; exit 1; }
sums=$(as psql -h /tmp/pg -AtX -c 'SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)' bench)
[ "$sums" = t ] || { echo "the balances do not add up"; exit 1; }
as pg_ctl -w -t 300 -D data -m immediate stop > /dev/null
as pg_ctl -w -t 300 -D data -l server.log -o "-k /tmp/pg -c listen_addresses=" start > /dev/null
[ "$(as psql -h /tmp/pg -AtX -c 'SELECT count(*) FROM pgbench_history' bench)" = "$count" ] || { echo 'recovery lost transactions'; exit 1; }
as pg_ctl -w -t 300 -D data stop > /dev/null
as pg_checksums --check -D data > checksums.log || { cat checksums.log; exit 1; }
if grep -E 'PANIC|could not (read|write|fsync)' server.log; then exit 1; fi
grep -E 'number of transactions|tps' pgbench.log
COMMANDS
  )
  on_mount /postgres "$commands" "$transactions" &
  local running=$! kills=0
  until get /postgres/started > /dev/null 2>&1; do
    kill -0 "$running" 2>/dev/null || break
    sleep 1
  done
  while kill -0 "$running" 2>/dev/null && [ "$kills" -lt 2 ]; do
    sleep 3
    kills=$((kills + 1))
    crash
  done
  wait "$running" || fail 'PostgreSQL'
  [ "$kills" -gt 0 ] || fail 'the transactions ended before the gateway could be killed'
  echo "the gateway was killed $kills times"
}

present() {
  case $1 in
    sqlite) command -v sqlite3 ;;
    postgres) command -v initdb && command -v pgbench && command -v setpriv && id postgres ;;
    make) command -v make && command -v cc ;;
    *) command -v "$1" ;;
  esac > /dev/null 2>&1
}

make_tree() { # what archives and mirrors carry: modes, owners, times, links of both kinds, names, holes
  mkdir -p "$1/deep/er" "$1/with space"
  cp -r src docs "$1"
  : > "$1/empty"
  printf 'changed' > "$1/changed"
  ln "$1/changed" "$1/deep/hard"
  ln -s ../changed "$1/deep/soft"
  ln -s nowhere "$1/dangling"
  mkfifo "$1/fifo"
  printf 'ünï' > "$1/with space/grüße-日本"
  truncate -s 5M "$1/deep/er/hole"
  printf end >> "$1/deep/er/hole"
  chmod 4751 "$1/changed"
  chmod 1777 "$1/deep"
  chown -h 1234:567 "$1/deep/er" "$1/deep/soft"
  touch -h -d '2001-02-03 04:05:06.123456789 UTC' "$1/dangling" "$1/empty" "$1/with space"
}

passed='' missing=''
git -c safe.directory='*' clone -q --bare . "$work/source.git"
make_tree "$work/tree"
start
for name in $only; do
  step "$name"
  if present "$name"; then
    before=$SECONDS
    s3 mb "s3://$name" > /dev/null
    "try_$name" || fail "$name"
    passed="$passed $name ($((SECONDS - before)) s)"
  else
    echo 'left out: it is not here'
    missing="$missing $name"
  fi
done
stop
echo "posix-programs: passed:$passed; left out:${missing:- none}"
