#!/usr/bin/env bash
# Makes the secrets that compose.yaml mounts, once: a NATS password a user and,
# for each program, the URL that holds its own. What exists is kept; remove
# deploy/secrets to have new ones.
set -euo pipefail
cd "$(dirname "$0")"

# The directory keeps others on this machine out; the files themselves are
# mounted one by one and must be readable by the containers' user.
mkdir -p secrets
chmod 0700 secrets

if [[ -e secrets/nats.env ]]; then
  echo "deploy/secrets exists and is kept"
  exit 0
fi

# A letter first: nats.conf would read digits alone as a number.
password() { printf 'p%s' "$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"; }

env_file=""
for user in setup worker operator metrics producer shop; do
  secret=$(password)
  env_file+="NATS_${user^^}_PASSWORD=${secret}"$'\n'
  printf 'nats://%s:%s@nats:4222\n' "$user" "$secret" >"secrets/nats-url-$user"
  chmod 0444 "secrets/nats-url-$user"
done
# Last, so that a run that was cut short starts again.
printf '%s' "$env_file" >secrets/nats.env.part
mv secrets/nats.env.part secrets/nats.env
echo "deploy/secrets made"
