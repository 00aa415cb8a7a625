#!/usr/bin/env bash
# Makes the secrets that compose.yaml reads, once: a NATS password a user and,
# for each user's programs, the NATS_URL that holds it; and a token for the gateway. What
# exists is kept; remove deploy/secrets to have new ones.
set -euo pipefail
cd "$(dirname "$0")"

umask 077
mkdir -p secrets

# A letter first: nats.conf would read digits alone as a number.
password() { printf 'p%s' "$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"; }

# A user whose password is missing gets one: an update may bring new users.
touch secrets/nats.env
for user in setup worker operator metrics producer shop gateway; do
  name=NATS_${user^^}_PASSWORD
  grep -q "^$name=" secrets/nats.env && [[ -s secrets/$user.env ]] && continue
  secret=$(password)
  printf 'NATS_URL=nats://%s:%s@nats:4222\n' "$user" "$secret" >"secrets/$user.env"
  # All at once, so that a run that is cut short leaves no half of a line.
  { grep -v "^$name=" secrets/nats.env || true; printf '%s=%s\n' "$name" "$secret"; } >secrets/nats.env.part
  mv secrets/nats.env.part secrets/nats.env
  echo "made: password of $user"
done

# A bearer token for the gateway, and the file of hashes, which its container reads as
# another user.
if [[ ! -s secrets/gateway/tokens ]]; then
  token=rfgw_$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
  printf '%s\n' "$token" >secrets/gateway-token.txt
  mkdir -p secrets/gateway
  printf 'shop %s\n' "$(printf '%s' "$token" | sha256sum | cut -d' ' -f1)" >secrets/gateway/tokens
  chmod 755 secrets/gateway
  chmod 644 secrets/gateway/tokens
  echo "made: secrets/gateway-token.txt, a token for the gateway"
fi
