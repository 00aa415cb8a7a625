#!/usr/bin/env bash
# Validates everything in deploy/ with the tools that will read it. Fails where
# a tool is missing: a check that is skipped has not passed.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in go promtool buildah busybox; do
  command -v "$tool" >/dev/null || { echo "validate: $tool is missing (.ci/run installs it)" >&2; exit 1; }
done

step() { printf '\n== validate: %s\n' "$*"; }

step "Prometheus configuration, alerts and their unit tests"
promtool check config --lint=all --lint-fatal deploy/prometheus.yml
promtool test rules deploy/alerts_test.yml

step "nats.conf and what each user may do"
go test -count=1 ./deploy/...

step "compose.yaml, read by compose's own library"
(cd deploy/validate && go vet ./... && go test -count=1 ./...)

step "images"
deploy/validate-images.sh
