# What the acceptance scripts share; sourced, after `set -euo pipefail`. A gateway of the script's own in a directory of its
# own, which both go when the script ends; and a mount of it. The script may set `client` before it calls on_mount.
# shellcheck shell=bash

cd "$(dirname "$0")/../.."
script=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/$script.XXXXXX")
chmod 755 "$work" # NFS clients look into it as other users
client=mounted gateway='' s3_port=0 nfs_port=0 admin_port=0 endpoint='' serve_flags=()
errors_expected='' # of what a script does to the gateway: a pattern of lines of its log

step() { printf '\n== %s\n' "$*"; }
fail() { echo "$script: FAILED: $*" >&2; exit 1; }
usage() { echo "$script: unknown option $1" >&2; exit 2; }
cleanup() { :; } # a script with more to clean up redefines it
finish() {
  local status=$?
  [ "$status" = 0 ] || [ ! -s "$work/log" ] || { echo "$script: the gateway's last words:" && tail -20 "$work/log"; } >&2
  cleanup
  kill_other
  [ -z "$gateway" ] || kill -9 "$gateway" 2>/dev/null || true
  rm -rf --one-file-system "$work"
  exit "$status"
}
trap finish EXIT

# Only what is said here decides: no proxies, no bundles of certificates and no settings of whoever runs this.
unset AWS_CA_BUNDLE AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL http_proxy HTTP_PROXY all_proxy ALL_PROXY
export AWS_ACCESS_KEY_ID=acceptance AWS_SECRET_ACCESS_KEY=acceptance-secret AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=
export AWS_CONFIG_FILE=$work/aws-config AWS_SHARED_CREDENTIALS_FILE=$work/aws-credentials
export TERRACE_ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID TERRACE_ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY

start() { # on the same ports after the first time, as a service would
  : > "$work/out"
  node dist/src/main.js serve --data "$work/data" --s3 "127.0.0.1:$s3_port" --nfs "127.0.0.1:$nfs_port" \
    --admin "127.0.0.1:$admin_port" ${serve_flags[@]+"${serve_flags[@]}"} > "$work/out" 2>> "$work/log" &
  gateway=$!
  for _ in $(seq 300); do
    grep -q '^ready' "$work/out" && break
    kill -0 "$gateway" 2>/dev/null || { cat "$work/out" "$work/log" >&2; fail 'the gateway did not start'; }
    sleep 0.1
  done
  local ready
  ready=$(grep '^ready' "$work/out") || fail 'the gateway was not ready within 30 s'
  s3_port=$(sed -E 's/.*s3=http:\/\/[^ ]*:([0-9]+).*/\1/' <<< "$ready")
  nfs_port=$(sed -E 's/.*nfs=[^ ]*:([0-9]+) .*/\1/' <<< "$ready")
  admin_port=$(sed -E 's/.*admin=http:\/\/[^ ]*:([0-9]+).*/\1/' <<< "$ready")
  export TERRACE_ADMIN=127.0.0.1:$admin_port
  export endpoint=http://127.0.0.1:$s3_port
}
other='' other_port=0 # a second gateway, a store of somebody else's for the first one
start_other() { # in $work/other, on the same port after the first time
  : > "$work/other.out"
  env -u TERRACE_COLD_ACCESS_KEY_ID -u TERRACE_COLD_SECRET_ACCESS_KEY \
    node dist/src/main.js serve --data "$work/other" --s3 "127.0.0.1:$other_port" --nfs 127.0.0.1:0 --admin 127.0.0.1:0 \
    > "$work/other.out" 2>> "$work/other.log" &
  other=$!
  for _ in $(seq 300); do
    grep -q '^ready' "$work/other.out" && break
    sleep 0.1
  done
  other_port=$(sed -nE 's/^ready.*s3=http:\/\/[^ ]*:([0-9]+).*/\1/p' "$work/other.out")
  [ -n "$other_port" ] || fail 'the second gateway did not start'
  other_endpoint=http://127.0.0.1:$other_port
}
kill_other() {
  [ -z "$other" ] || kill -9 "$other" 2> /dev/null || true
  wait "$other" 2> /dev/null || true
  other=''
}
kill_gateway() { # as power loss looks to the process
  kill -9 "$gateway"
  wait "$gateway" 2>/dev/null || true
  gateway=''
}
crash() {
  kill_gateway
  start
}
stop() {
  step 'a clean stop'
  kill -TERM "$gateway"
  wait "$gateway" || fail "exit status $? on SIGTERM"
  gateway=''
  if grep '"level":"\(error\|fatal\)"' "$work/log" | grep -v "${errors_expected:-^$}"; then fail 'the gateway logged errors'; fi
}

s3() { aws --endpoint-url "$endpoint" s3 "$@"; }
api() { aws --endpoint-url "$endpoint" --output text s3api "$@"; }
get() { # /BUCKET/KEY: its body, with the least that a client can cost
  curl -sSf --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --aws-sigv4 aws:amz:us-east-1:s3 \
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$endpoint$1"
}

sum() { sha256sum "$@" | cut -c1-64; }
equal() { # WHAT GOT WANT
  [ "$2" = "$3" ] || fail "$1: got '$2', want '$3'"
}

mounted() { # --port P --export E -- COMMAND…, with the kernel's own client; each call has caches of its own
  local at status=0
  at=$(mktemp -d "$work/mount.XXXXXX")
  mount -t nfs -o "vers=3,proto=tcp,port=$2,mountproto=tcp,mountport=$2,nolock,nosharecache" "127.0.0.1:$4" "$at"
  shift 5
  (cd "$at" && "$@") || status=$?
  umount "$at"
  return "$status"
}
on_mount() { # EXPORT COMMANDS ARGUMENT…: the commands run with sh in a mount of the export; $client may be several words
  # shellcheck disable=SC2086
  $client --port "$nfs_port" --export "$1" -- sh -euc "$2" sh "${@:3}"
}
