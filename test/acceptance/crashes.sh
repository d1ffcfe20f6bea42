#!/usr/bin/env bash
# Real crashes: the gateway with three tiers is killed with SIGKILL, again and again, while some forty clients work through
# both doors, content moves, devices are lost and rebuilt, or the hot tier is full. After each start everything that was acknowledged
# must be there, through both doors; at the end a scrub finds no damage. `test/acceptance/crashes.sh` without arguments says how.
#
#   test/acceptance/crashes.sh ROUNDS [--scenario NAME] [--seed N] [--operations N] [--s3load PROGRAM] [--keep] [--json]
#
# A round takes three to ten seconds, a scenario up to 3 GiB of the directory for temporary files (TMPDIR).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec node --no-warnings --require ./bin/threads.cjs dist/test/crashes/run.js "$@"
