#!/usr/bin/env bash
# Builds every target of the Dockerfile with buildah and looks at what came out.
# The golang image is stood in for by a shell and this machine's own Go, so that
# nothing is pulled.
set -euo pipefail
cd "$(dirname "$0")/.."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
golang=localhost/golang:validate

# A store of its own, and neither a daemon nor a kernel feature is needed.
export BUILDAH_ISOLATION=chroot
buildah=(buildah --root "$tmp/store" --runroot "$tmp/run" --storage-driver vfs)

stand_in() {
  local container applet
  mkdir -p "$tmp/golang/bin" "$tmp/golang/etc/ssl/certs"
  cp "$(command -v busybox)" "$tmp/golang/bin/busybox"
  for applet in sh mkdir; do ln -s busybox "$tmp/golang/bin/$applet"; done
  cp /etc/ssl/certs/ca-certificates.crt "$tmp/golang/etc/ssl/certs/"
  container=$("${buildah[@]}" from scratch)
  "${buildah[@]}" copy -q "$container" "$tmp/golang" / >/dev/null
  "${buildah[@]}" config --env PATH=/usr/local/go/bin:/bin --env GOTOOLCHAIN=local --env GOPATH=/go \
    --env GOCACHE=/gocache --env TMPDIR=/gocache "$container"
  "${buildah[@]}" commit -q --rm "$container" "$golang" >/dev/null
}

build() {
  local target=$1
  "${buildah[@]}" bud -q --layers --pull-never -f deploy/Dockerfile --target "$target" \
    --build-arg "GO_IMAGE=$golang" --build-arg VERSION=1.2.3-validate --build-arg REVISION=abcdef \
    --volume "$(go env GOROOT):/usr/local/go:ro" \
    --volume "$(go env GOMODCACHE):/go/pkg/mod" \
    --volume "$(go env GOCACHE):/gocache" \
    -t "localhost/refundworker-$target:validate" . >/dev/null
}

fail() { echo "image $1: $2" >&2; exit 1; }

# inspect TARGET PROGRAM: the user is no root, nothing but the expected files is
# inside, and the program runs there as that user and knows its version.
inspect() {
  local target=$1 program=$2 image="localhost/refundworker-$1:validate" container root files
  [[ $("${buildah[@]}" inspect --format '{{.OCIv1.Config.User}}' --type image "$image") == 65532:65532 ]] || fail "$target" "runs as root"
  [[ $("${buildah[@]}" inspect --format '{{index .OCIv1.Config.Entrypoint 0}}' --type image "$image") == "$program" ]] || fail "$target" "starts something else"
  container=$("${buildah[@]}" from --pull-never "$image")
  root=$("${buildah[@]}" mount "$container")
  files=$(cd "$root" && find . -type f ! -path './etc/ssl/*' ! -path './proc/*' ! -path './sys/*' ! -path './dev/*' ! -path './run/*' | sort | tr '\n' ' ')
  [[ -s "$root/etc/ssl/certs/ca-certificates.crt" ]] || fail "$target" "has no CA certificates"
  echo "image $target: $files$(du -sh "$root" | cut -f1)"
  [[ " $files" == *" ./healthcheck "* && " $files" == *" .$program "* && $(wc -w <<<"$files") -eq 2 ]] || fail "$target" "holds other files than its program and the health check"
  check_program "$target" "$program" "$container"
  [[ $target != dokusim ]] || check_simulator "$container" "$root"
  "${buildah[@]}" rm "$container" >/dev/null
}

check_program() {
  local target=$1 program=$2 container=$3 version
  "${buildah[@]}" run "$container" -- "$program" --help >/dev/null || fail "$target" "$program --help fails"
  version=$("${buildah[@]}" run "$container" -- "$program" --version)
  [[ $version == *1.2.3-validate* ]] || fail "$target" "--version says '$version'"
}

# The simulator writes where compose.yaml mounts its volumes, as its own user.
check_simulator() {
  local container=$1 root=$2 dir printed="$tmp/settings" pid
  for dir in data keys; do
    [[ $(stat -c %u "$root/$dir") == 65532 ]] || fail dokusim "/$dir is not the simulator's own"
  done
  mkfifo "$printed"
  "${buildah[@]}" run "$container" -- /dokusim --addr 127.0.0.1:0 --keys /keys --book /data/book.ndjson >"$printed" 2>"$tmp/log" &
  pid=$!
  grep -m1 -q DOKU_PRIVATE_KEY_FILE=/keys/ "$printed" || { cat "$tmp/log" >&2; fail dokusim "does not start"; }
  kill "$pid"
  wait "$pid" || true
}

stand_in
go mod download
for target in worker enqueue refundctl gateway dokusim; do
  build "$target"
  inspect "$target" "/$target"
done
