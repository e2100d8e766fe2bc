#!/bin/sh
# Writes .ci/requirements/{uv,dev,base}.txt: exact versions with hashes, for every platform, from pyproject.toml.
# Versions already chosen stay unless they no longer fit; UPGRADE=all or UPGRADE=<package> chooses anew.
set -eu
cd "$(dirname "$0")/.."
locks=.ci/requirements
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

compile() {    # NAME SOURCE [OPTION ...]: uv prefers the versions that it finds in the file it is to write
    name=$1
    shift
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" \
        --output-file "$fresh/$name.txt" "$@"
}

case "${UPGRADE:-}" in
    "") set -- ;;
    all) set -- --upgrade ;;
    *) set -- --upgrade-package "$UPGRADE" ;;
esac
cp $locks/dev.txt "$fresh/dev.txt"
compile dev pyproject.toml --all-extras --group dev "$@"
for name in base uv; do cp "$fresh/dev.txt" "$fresh/$name.txt"; done    # one choice of versions, made for dev
compile base pyproject.toml
echo uv | compile uv -
for name in uv base dev; do
    if cmp -s "$fresh/$name.txt" $locks/$name.txt; then
        echo "$locks/$name.txt is as it was"
    else
        cp "$fresh/$name.txt" $locks/$name.txt
        echo "$locks/$name.txt is new"
    fi
done
