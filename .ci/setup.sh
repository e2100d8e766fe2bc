#!/bin/sh
# Makes .venv hold what .ci/requirements/dev.txt names and imilab itself, editable. Does nothing where it already does.
#
#   sh .ci/setup.sh       all of it
#   sh .ci/setup.sh uv    only Python and uv, which is what `make lock` needs
#
# PYTHON names the interpreter; without it, the first of python3, python3.13, python3.12, python3.11 that is 3.11 or newer.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
ready=.venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0 UV_PYTHON_DOWNLOADS=never
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV

fail() {
    echo "imilab: $*" >&2
    exit 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.13 python3.12 python3.11; fi
    for candidate; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python 3.11 or newer, and none of these is: $*. Install one, or name it: make demo PYTHON=/path/to/python3.11"
}

# The folder belongs to it: a moved or copied .venv still points at its old place.
fingerprint() { { pwd -P; echo "${PYTHON:-}"; cat pyproject.toml .ci/setup.sh .ci/requirements/uv.txt .ci/requirements/dev.txt; } | cksum; }

make_venv() {
    python=$(find_python)
    if new_enough $bin/python && [ "$(cat .venv/.folder 2>/dev/null)" = "$(pwd -P)" ]; then
        [ -n "${PYTHON:-}" ] && [ "$(version_of $bin/python)" != "$(version_of "$python")" ] || return 0
    fi
    echo "imilab: making .venv with $python ($(version_of "$python"))"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then    # Debian keeps them in a package of their own
        sh .ci/debian.sh "python$(version_of "$python")-venv" ||
            fail "$python cannot make virtual environments; install python$(version_of "$python")-venv"
    fi
    "$python" -m venv --clear .venv
    pwd -P > .venv/.folder
}

install_uv() {
    $bin/python -m pip install --quiet --require-hashes --only-binary :all: -r .ci/requirements/uv.txt
}

now=$(fingerprint)
if [ "${1:-all}" = all ] && [ -x $bin/python ] && [ "$(cat $ready 2>/dev/null)" = "$now" ]; then exit 0; fi
rm -f $ready
make_venv
install_uv
[ "${1:-all}" = all ] || exit 0
echo "imilab: installing the packages of .ci/requirements/dev.txt into .venv"
quiet=$([ -t 2 ] || echo --quiet)
$bin/uv pip sync $quiet --python $bin/python --require-hashes .ci/requirements/dev.txt
$bin/uv pip install $quiet --python $bin/python --no-deps --no-build-isolation --editable .
echo "$now" > $ready
