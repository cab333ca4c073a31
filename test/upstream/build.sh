#!/bin/bash
# Builds upstream's kube-apiserver and etcd into the folder $1, for the tests and
# benchmarks that run them beside ours or in its place. They come from their
# modules; nothing of this repository imports them.
set -eu -o pipefail
kubernetes=v1.37.2 staging=v0.37.2 etcd=v3.7.3
mkdir -p "$1"
to=$(cd "$1" && pwd)
if [ -x "$to/kube-apiserver-$kubernetes" ] && [ -x "$to/etcd-$etcd" ]; then exit 0; fi

module=$(mktemp -d)
trap 'rm -rf "$module"' EXIT
cd "$module"
echo "module peers" >go.mod
source=$(go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
# The repository's own requirements; its staging folders are modules of their own.
sed -e 's/^module .*/module peers/' \
	-e "s#\(k8s.io/[a-z-]*\) => ./staging/.*#\1 => \1 $staging#" "$source/go.mod" >go.mod
cp "$source/go.sum" go.sum && chmod u+w go.sum
go mod edit -require "k8s.io/kubernetes@$kubernetes" -require "go.etcd.io/etcd/server/v3@$etcd"
export GOFLAGS=-mod=mod CGO_ENABLED=0
stamp=k8s.io/component-base/version
go build -o "$to/etcd-$etcd" go.etcd.io/etcd/server/v3
go build -ldflags "-s -w -X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=37" \
	-o "$to/kube-apiserver-$kubernetes" k8s.io/kubernetes/cmd/kube-apiserver
ln -sf "etcd-$etcd" "$to/etcd"
ln -sf "kube-apiserver-$kubernetes" "$to/kube-apiserver"
