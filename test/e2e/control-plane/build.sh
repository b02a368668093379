#!/usr/bin/env bash
# Builds the control plane the end-to-end tests run against: kube-apiserver and kube-controller-manager 1.20.2 from
# Debian's source package `kubernetes`, with Debian's Go 1.19, and Debian's etcd unpacked beside them. Nothing is
# installed on the machine and root is not needed: apt runs with state of its own, and packages are unpacked with
# `dpkg-deb -x`.
#
#   build.sh FOLDER
#
# Result: FOLDER/bin with etcd, kube-apiserver and kube-controller-manager, and FOLDER/MANIFEST with hashes and versions.
# A second run checks MANIFEST and returns at once. About 2 minutes on 2 cores when cold, 1 GB of memory, 2.1 GB of disk
# while building and 140 MB afterwards. KEEP_BUILD=1 keeps the source tree and Go's build cache.
set -euo pipefail
export LC_ALL=C
umask 022

K8S_VERSION=v1.20.2
K8S_MAJOR=1 K8S_MINOR=20
K8S_SUITE=bookworm
K8S_ORIG_SHA256=b83c0780efb182d928dc63d46488a847f161f04e40a94b96bf5247dd671ecdfc
K8S_BUILD_DATE=2021-01-13T00:00:00Z
GO_SERIES=1.19
RECIPE=1 # raise when what is built changes

[ $# -eq 1 ] || { echo "usage: ${0##*/} FOLDER" >&2; exit 2; }
mkdir -p -- "$1"
FOLDER=$(cd -- "$1" && pwd -P)
BIN=$FOLDER/bin
WORK=$FOLDER/build
MANIFEST=$FOLDER/MANIFEST
K8S_CMDS=(kube-apiserver kube-controller-manager)
ALL=(etcd "${K8S_CMDS[@]}")

T0=$SECONDS
say() { printf 'control plane, %3d s: %s\n' "$((SECONDS - T0))" "$*"; }
die() {
  printf 'error: the control plane cannot be built: %s\n' "$*" >&2
  exit 1
}

# --- one builder at a time ----------------------------------------------------
exec 9>"$FOLDER/.lock"
if ! flock -n 9; then say "another build is running in $FOLDER: waiting"; flock 9; fi

# --- is everything there already? ---------------------------------------------
version_of() {
  case $1 in
    etcd) "$BIN/etcd" --version | sed -n 's/^etcd Version: //p' ;;
    *) "$BIN/$1" --version | sed -n 's/^Kubernetes //p' ;;
  esac
}
complete() {
  [ -f "$MANIFEST" ] || return 1
  grep -qx "# recipe $RECIPE" "$MANIFEST" || return 1
  local b
  for b in "${ALL[@]}"; do
    [ -x "$BIN/$b" ] && grep -q " \*bin/$b\$" "$MANIFEST" || return 1
  done
  (cd "$FOLDER" && grep -v '^#' "$MANIFEST" | sha256sum --check --quiet --strict) || return 1
  [ "$(version_of kube-apiserver)" = "$K8S_VERSION" ]
}
if complete; then
  say "complete: Kubernetes $(version_of kube-apiserver), etcd $(version_of etcd) in $BIN"
  exit 0
fi

# --- tools and room -----------------------------------------------------------
for t in apt-get apt-config dpkg dpkg-deb tar gzip sha256sum awk sed grep flock; do
  command -v "$t" >/dev/null || die "$t is missing"
done
ARCH=$(dpkg --print-architecture)
FREE_MB=$(df -Pm -- "$FOLDER" | awk 'NR==2 {print $4}')
[ "$FREE_MB" -ge 3000 ] || die "only $FREE_MB MB free at $FOLDER: 3000 MB are needed while building"
mkdir -p "$BIN" "$WORK"

# --- a private apt, reading the mirror out of the machine's own configuration --
# Packages may come from another suite of the same mirror than the machine's
# own, so this also works where the machine runs a newer Debian.
APT=$WORK/apt
apt_setup() {
  [ -f "$APT/ready" ] && return
  say "reading package lists ($K8S_SUITE main, binary and source)"
  local targets uri signed
  targets=$(apt-get indextargets --format '$(RELEASE)|$(REPO_URI)|$(SIGNED_BY)' \
    'Created-By: Packages' 'Component: main')
  # the entry of the suite itself, else of any suite that is no update of another
  IFS='|' read -r _ uri signed < <(
    grep -m1 "^$K8S_SUITE|" <<<"$targets" || grep -m1 -v '^[^|]*-' <<<"$targets" || echo '||')
  [ -n "$uri" ] || die "apt has no Debian 'main' source configured"
  case $signed in '$('*) signed= ;; esac
  # Files may name a keyring in a field this apt does not tell: ask the sources.
  if [ -z "$signed" ]; then
    local parts
    eval "$(apt-config shell parts Dir::Etc::sourceparts/d)"
    signed=$(sed -n 's/^Signed-By:[[:space:]]*\([^[:space:]]\{1,\}\)[[:space:]]*$/\1/p' \
               "${parts%/}"/*.sources 2>/dev/null | grep -m1 debian-archive || true)
  fi
  rm -rf "$APT"
  mkdir -p "$APT"/{lists/partial,archives/partial,parts,preferences}
  local opt=
  [ -z "$signed" ] || opt="[signed-by=$signed] "
  printf 'deb %s%s %s main\ndeb-src %s%s %s main\n' \
    "$opt" "$uri" "$K8S_SUITE" "$opt" "$uri" "$K8S_SUITE" >"$APT/sources.list"
  : >"$APT/status"
  apt_ update -qq || die "apt could not read the package lists"
  : >"$APT/ready"
}
apt_() {   # apt-get with nothing but its network settings taken from the machine
  local cmd=$1; shift
  apt-get -o Dir::Etc::sourcelist="$APT/sources.list" -o Dir::Etc::sourceparts="$APT/parts" \
    -o Dir::Etc::preferencesparts="$APT/preferences" \
    -o Dir::State="$APT" -o Dir::State::status="$APT/status" -o Dir::State::lists="$APT/lists" \
    -o Dir::Cache="$APT" -o Dir::Cache::archives="$APT/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o APT::Sandbox::User= -o APT::Get::List-Cleanup=0 -o Acquire::Retries=3 \
    -o Debug::NoLocking=1 "$cmd" "$@"
}
unpack() {  # unpack PACKAGE DIR: the package's files under DIR, fetched and verified by apt
  local pkg=$1 dir=$2
  [ -f "$dir/.unpacked-$pkg" ] && return
  say "fetching $pkg"
  mkdir -p "$WORK/debs/$pkg" "$dir"
  (cd "$WORK/debs/$pkg" && apt_ download -qq "$pkg" && dpkg-deb -x ./*.deb "$dir")
  (cd "$WORK/debs/$pkg" && printf '%s\n' ./*.deb | sed 's#^\./##') >"$dir/.unpacked-$pkg"
  rm -rf "$WORK/debs/$pkg"
}

# --- etcd -----------------------------------------------------------------------
apt_setup
unpack etcd-server "$WORK/etcd"
install -m 755 "$WORK"/etcd/usr/bin/etcd "$BIN/"
say "etcd $(version_of etcd)"

# --- Go toolchain -----------------------------------------------------------------
unpack "golang-$GO_SERIES-go" "$WORK/go"
unpack "golang-$GO_SERIES-src" "$WORK/go"
GOROOT=$WORK/go/usr/lib/go-$GO_SERIES
export GOROOT GOPATH=$WORK/gopath GOCACHE=$WORK/gocache GOTMPDIR=$WORK/tmp
export GO111MODULE=off GOPROXY=off GOFLAGS='' GOTOOLCHAIN=local GOENV=off CGO_ENABLED=0
export GOGC=${GOGC:-400}       # a bigger heap for the compiler: half the time, about 1 GB
mkdir -p "$GOTMPDIR"
GO=$GOROOT/bin/go
say "$("$GO" version)"

# --- Kubernetes sources -------------------------------------------------------------
SRC=$GOPATH/src/k8s.io/kubernetes
if [ ! -f "$SRC/.unpacked" ]; then
  say "fetching the source package kubernetes"
  mkdir -p "$WORK/dsc"
  (cd "$WORK/dsc" && apt_ source -qq --download-only kubernetes)
  orig=$(printf '%s\n' "$WORK"/dsc/kubernetes_*.orig.tar.gz)
  echo "$K8S_ORIG_SHA256 *$orig" | sha256sum --check --quiet --strict ||
    die "the source archive is not the one this recipe knows"
  say "unpacking it"
  rm -rf "$SRC"; mkdir -p "$SRC"
  # Debian's own patches touch only kubectl, which is not built here.
  tar -xzf "$orig" -C "$SRC" --strip-components=1 --no-same-owner
  rm -rf "$WORK/dsc"
  [ -f "$SRC/cmd/kube-apiserver/apiserver.go" ] && [ -f "$SRC/vendor/modules.txt" ] ||
    die "the source archive lacks what is needed"
  : >"$SRC/.unpacked"
fi
cd "$SRC"

# --- one vendored library that Go 1.18 and newer break --------------------------------
# reflect2 1.0.1 calls runtime.mapiterinit with its old signature: with Go 1.19 it
# builds, but the servers corrupt memory as soon as they decode JSON with a map.
# Debian's 1.0.2 is the fixed release, with the same interface.
R2=vendor/github.com/modern-go/reflect2
if [ ! -f "$R2/.replaced" ]; then
  unpack golang-github-modern-go-reflect2-dev "$WORK/reflect2"
  rm -rf "$R2"
  cp -r "$WORK/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2" "$R2"
  [ -f "$R2/go_above_118.go" ] || die "that reflect2 does not know Go 1.18"
  : >"$R2/.replaced"
fi

# --- the one generated file that the archive lacks --------------------------------
# As `make gen_openapi` does it for the KUBE target, and checked as it checks:
# the list of API rule violations has to be the checked-in one.
OPENAPI=pkg/generated/openapi
if [ ! -f "$OPENAPI/.generated" ]; then
  say "generating $OPENAPI/zz_generated.openapi.go"
  "$GO" build -trimpath -o "$WORK/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  inputs=$(grep -rlE --include='*.go' '^// *\+k8s:openapi-gen=' cmd pkg plugin staging/src/k8s.io |
    sed 's#^staging/src/#vendor/#' |
    grep -vE '^vendor/k8s\.io/(code-generator|sample-apiserver)/' |
    xargs -n1 dirname | sort -u | sed 's#^#k8s.io/kubernetes/#' | paste -sd, -)
  "$WORK/openapi-gen" --logtostderr -i "$inputs" -p "k8s.io/kubernetes/$OPENAPI" \
    -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt \
    -r "$WORK/violations.report" --output-base "$GOPATH/src"
  cmp -s "$WORK/violations.report" api/api-rules/violation_exceptions.list ||
    die "the generated OpenAPI definitions differ from what the tree expects"
  : >"$OPENAPI/.generated"
fi

# --- build -----------------------------------------------------------------------------
# `providerless` leaves out the in-tree cloud providers: half the time and size.
commit=$(sed -n 's/^[[:space:]]*gitCommit[[:space:]]*= "\([0-9a-f]\{40\}\)".*/\1/p' \
  staging/src/k8s.io/component-base/version/base.go)
ldflags='-s -w'
for p in k8s.io/kubernetes/vendor/k8s.io/component-base/version \
         k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version; do
  ldflags+=" -X $p.gitVersion=$K8S_VERSION -X $p.gitMajor=$K8S_MAJOR -X $p.gitMinor=$K8S_MINOR"
  ldflags+=" -X $p.gitCommit=${commit:-unknown} -X $p.gitTreeState=archive -X $p.buildDate=$K8S_BUILD_DATE"
done
say "building ${K8S_CMDS[*]} (about 100 s on 2 cores when cold)"
mkdir -p "$WORK/out"
"$GO" build -trimpath -tags providerless -ldflags "$ldflags" -o "$WORK/out/" \
  "${K8S_CMDS[@]/#/./cmd/}" 9>&- &
builder=$!
trap 'kill "$builder" 2>/dev/null || true' EXIT
for ((i = 1; ; i++)); do
  sleep 1
  kill -0 "$builder" 2>/dev/null || break
  ((i % 20)) || say "  still building, $(du -sm "$GOCACHE" | cut -f1) MB compiled"
done
trap - EXIT
wait "$builder" || die "the build failed"
install -m 755 "${K8S_CMDS[@]/#/$WORK/out/}" "$BIN/"
cd "$FOLDER"

# --- check and write the manifest -----------------------------------------------------
for b in "${K8S_CMDS[@]}"; do
  v=$(version_of "$b")
  [ "$v" = "$K8S_VERSION" ] || die "$b says it is '$v', not $K8S_VERSION"
done
{
  echo "# recipe $RECIPE"
  echo "# kubernetes $K8S_VERSION ($ARCH), $("$GO" version), etcd $(version_of etcd)"
  sha256sum --binary "${ALL[@]/#/bin/}"
} >"$MANIFEST.new"
mv "$MANIFEST.new" "$MANIFEST"
complete || die "the result does not check"
if [ "${KEEP_BUILD:-0}" != 1 ]; then rm -rf "$WORK"; fi
say "done: $(du -sm "$FOLDER" | cut -f1) MB in $FOLDER"
