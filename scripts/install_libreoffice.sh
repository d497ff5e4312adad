#!/bin/sh
# Puts LibreOffice Writer (no display) on a Debian machine where we may; tests open our Word files
# with it.
. "$(dirname "$0")/apt.sh"
command -v soffice >/dev/null 2>&1 && exit 0
apt_install "LibreOffice（Writer）" libreoffice-writer-nogui fonts-ipafont-gothic
