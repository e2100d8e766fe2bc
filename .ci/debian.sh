#!/bin/sh
# Installs Debian packages where that is possible without asking anyone: sh .ci/debian.sh PACKAGE ...
# Services that come with a package are not started: the tests start what they need themselves.
set -eu
command -v apt-get >/dev/null || { echo "imilab: no apt-get here, so $* is not installed" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then
    as_root=env
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    echo "imilab: installing $* needs root; as an administrator: apt-get install $*" >&2
    exit 1
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
fi
echo "imilab: installing Debian's $*"
$as_root DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null >/dev/null
$as_root DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" </dev/null >/dev/null
