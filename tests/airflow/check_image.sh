#!/bin/sh
# Lints the Dockerfiles, builds the command line's image, and runs the command line in it: `make check-image`.
#
#   BASE            an image with Python and pip (default: python:3.13-slim from Docker Hub). Where no registry answers,
#                   a Debian with Python is made by mmdebstrap, if it is installed, and is the base instead
#   BUILD_OPTIONS   more options of `buildah bud`
#
# It needs buildah, and neither a daemon nor, where user namespaces are allowed, root. Without buildah nothing is built,
# and it says so.
set -eu
cd "$(dirname "$0")/../.."

.tools/image/bin/hadolint examples/kubernetes/Dockerfile examples/kubernetes/Dockerfile.airflow
echo "hadolint: nothing to say"

if ! command -v buildah > /dev/null; then
    echo "check-image: buildah is not installed: nothing was built or run" >&2
    exit "${WITHOUT_BUILDAH:-0}"
fi
isolation="--isolation chroot"
storage=$(pwd)/.tools/image/storage
mkdir -p "$storage"
buildah() { command buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs "$@"; }

if [ -z "${BASE:-}" ]; then
    BASE=docker.io/library/python:3.13-slim
    if ! buildah pull -q "$BASE" > /dev/null 2> .tools/image/pull.log; then
        echo "check-image: no $BASE ($(tail -n 1 .tools/image/pull.log | cut -c1-200))"
        command -v mmdebstrap > /dev/null || { echo "check-image: and no mmdebstrap: nothing was built" >&2; exit "${WITHOUT_BUILDAH:-0}"; }
        BASE=localhost/debian-python
        if ! buildah images -q "$BASE" > /dev/null 2>&1; then
            echo "check-image: making a Debian with Python instead"
            include=python3,python3-pip,ca-certificates
            mmdebstrap --quiet --variant=minbase --include="$include" bookworm .tools/image/rootfs.tar
            printf 'FROM scratch\nADD rootfs.tar /\n' > .tools/image/Dockerfile.base
            buildah bud $isolation -q -t "$BASE" -f .tools/image/Dockerfile.base .tools/image
            rm .tools/image/rootfs.tar
        fi
    fi
fi

# The chroot has no network of its own: pip trusts whom this machine trusts.
certificates=/etc/ssl/certs/ca-certificates.crt
mount=""
[ ! -f "$certificates" ] || mount="-v $certificates:$certificates:ro"
# shellcheck disable=SC2086 # options are words
buildah bud $isolation $mount ${BUILD_OPTIONS:-} -q --build-arg BASE="$BASE" -t flinkfuncs -f examples/kubernetes/Dockerfile .

container=$(buildah from flinkfuncs)
trap 'buildah rm "$container" > /dev/null' EXIT
run() { buildah run $isolation "$@"; }
expect() { # expect CODE TEXT WORD…
    wanted=$1 text=$2
    shift 2
    code=0
    said=$(run "$container" -- "$@" 2>&1) || code=$?
    case "$code $said" in
        "$wanted "*"$text"*) echo "ok: exit code $code of $*" ;;
        *) echo "check-image: $* ended with $code instead of $wanted: $said" >&2; exit 1 ;;
    esac
}

expect 0 "10001" id -u
expect 0 "usage: flinkfuncs" python3 -m flinkfuncs_cli --help
expect 2 "FLINKFUNCS_URL" python3 -m flinkfuncs_cli jobs
expect 1 "" env FLINKFUNCS_URL=http://127.0.0.1:9 FLINKFUNCS_KEY=none python3 -m flinkfuncs_cli health
expect 1 "" python3 -c "open('/opt/flinkfuncs/x', 'w')"
buildah inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}' flinkfuncs | grep -q '^10001:10001 \[python3 -m flinkfuncs_cli\]$'
echo "check-image: the image runs the command line as user 10001"
