#!/bin/sh
# Installs what some tests drive and PyPI does not have, where that is possible: Chromium, PostgreSQL, Java and an SFTP server.
# Without them those tests skip and say so, hence no failure here.
path="$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')"
has() { PATH=$path command -v "$1" >/dev/null; }

missing=""
has chromium || missing="$missing chromium"
has initdb || missing="$missing postgresql"
has java || missing="$missing default-jre-headless"
has sshd || missing="$missing openssh-server"
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086  # one word a package
sh "$(dirname "$0")/debian.sh" $missing || echo "imilab: the tests that need$missing will be skipped" >&2
