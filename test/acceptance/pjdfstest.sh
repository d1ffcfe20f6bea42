#!/usr/bin/env bash
# pjdfstest (https://github.com/pjd/pjdfstest) on a mount: every test passes but those below, which NFSv3 cannot.
#
#   test/acceptance/pjdfstest.sh --suite DIR [--client PROGRAM] [--only "NAME…"] [--jobs N]
#
# DIR is the suite, built. PROGRAM is called as `PROGRAM --port PORT --export /BUCKET -- COMMAND…` and runs COMMAND as root in
# a mount of the export; it may be several words, such as the program and its timeout. NAME is a folder of the suite's tests,
# or a part of one such as rename/1. N mounts work at a time (1).
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

suite='' only='' jobs=1
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suite=$(realpath "$2") ;;
    --client) client=$2 ;;
    --only) only=$2 ;;
    --jobs) jobs=$2 ;;
    *) usage "$1" ;;
  esac
  shift 2
done
[ -x "$suite/pjdfstest" ] || fail "no program pjdfstest in '$suite': build the suite and say --suite DIR"

# What no NFSv3 server can pass with this client, one test a line: file, number, why.
impossible=$work/impossible
cat > "$impossible" <<'TESTS'
unlink/14.t 4 an open file that was unlinked has no link: this client renames it instead, since NFSv3 has no open files
utimensat/09.t 5 a time after 2106: nfstime3 has 32 unsigned bits of seconds
TESTS

files=$(cd "$suite/tests" && for part in ${only:-*}; do find . -path "./$part*" -name '*.t'; done | sort -u)
[ -n "$files" ] || fail "no tests match '$only'"
start
s3 mb s3://pjdfstest
step "$(wc -l <<< "$files") files of tests, $jobs at a time"
run_part() { # INDEX: every so-manieth file, each in a directory of its own; TAP with the file's name in front
  # shellcheck disable=SC2046
  on_mount /pjdfstest '
    suite=$1 part=$2
    shift 2
    for file; do
      mkdir -p "part$part"
      (cd "part$part" && sh "$suite/tests/$file" 2> /dev/null) | sed "s#^#$file #"
      rm -rf "part$part"
    done
  ' "$suite" "$1" $(awk -v jobs="$jobs" -v part="$1" 'NR % jobs == part' <<< "$files")
}
parts=()
for ((index = 0; index < jobs; index++)); do
  run_part "$index" > "$work/tap.$index" &
  parts+=($!)
done
for part in "${parts[@]}"; do wait "$part" || fail 'a mount ended early'; done

# A file says how many tests it has, then one line for each. A test that is not there has failed; one that the suite marks TODO
# on Linux may fail, as prove has it.
cat "$work"/tap.* | awk '
  $2 ~ /^1\.\.[0-9]+$/ { split($2, plan, /\.\./); count[$1] = plan[2] }
  $2 == "ok" { passed[$1 " " $3 + 0] }
  $2 == "not" && / # TODO / { passed[$1 " " $4 + 0] }
  END { for (file in count) for (number = 1; number <= count[file]; number++) {
    total++
    if (!((file " " number) in passed)) print file, number
  } print "total", total }' | sort -V > "$work/verdict"
total=$(awk '$1 == "total" { print $2 }' "$work/verdict")
grep -v '^total' "$work/verdict" | sed 's#^\./##' > "$work/failed" || true
unplanned=$(comm -23 <(sort <<< "$files") <(awk '$2 ~ /^1\.\./ { print $1 }' "$work"/tap.* | sort -u))
[ -z "$unplanned" ] || fail "no result of: $unplanned"
step "$((total - $(wc -l < "$work/failed"))) of $total tests passed"
awk 'NR == FNR { why[$1 " " $2] = substr($0, length($1 " " $2) + 2); next }
  { print; reason = why[$0]; print "    " (reason == "" ? "UNEXPECTED" : reason) }' "$impossible" "$work/failed"
grep -h 'not ok' "$work"/tap.* | grep -v ' # TODO ' || true
unexpected=$(grep -vxF -f <(cut -d' ' -f1,2 "$impossible") "$work/failed" || true)
[ -z "$unexpected" ] || fail "$(wc -l <<< "$unexpected") tests failed that should not"

stop
echo "pjdfstest: passed: $((total - $(wc -l < "$work/failed"))) of $total; the others are impossible over NFSv3"
