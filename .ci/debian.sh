#!/bin/sh
# Installs one Debian package where that is possible without asking anyone: sh .ci/debian.sh PACKAGE
set -eu
command -v apt-get >/dev/null || { echo "imilab: no apt-get here, so $1 is not installed" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then
    set -- "$1" env
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    set -- "$1" sudo -n env
else
    echo "imilab: installing $1 needs root; as an administrator: apt-get install $1" >&2
    exit 1
fi
package=$1
shift
echo "imilab: installing Debian's $package"
"$@" DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null >/dev/null
"$@" DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$package" </dev/null >/dev/null
