#!/usr/bin/env bash
# Makes the secrets that compose.yaml reads, once: a NATS password a user and,
# for each user's programs, the NATS_URL that holds it. What exists is kept;
# remove deploy/secrets to have new ones.
set -euo pipefail
cd "$(dirname "$0")"

umask 077
mkdir -p secrets

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
  printf 'NATS_URL=nats://%s:%s@nats:4222\n' "$user" "$secret" >"secrets/$user.env"
done
# Last, so that a run that was cut short starts again.
printf '%s' "$env_file" >secrets/nats.env.part
mv secrets/nats.env.part secrets/nats.env
echo "deploy/secrets made"
