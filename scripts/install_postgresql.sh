#!/bin/sh
# Puts PostgreSQL's programs on a Debian machine where we may; the tests start their own cluster.
. "$(dirname "$0")/apt.sh"
if command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    # No cluster of the system's own: it would only take a port and memory.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
apt_install PostgreSQL postgresql
