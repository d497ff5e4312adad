#!/bin/sh
# Puts PostgreSQL's programs on a Debian machine where we may; the tests start their own cluster.
# Calm where it cannot: those tests are then skipped.
if command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
    exit 0
fi
skip() {
    echo "PostgreSQL $1、そのテストは飛ばします。"
    exit 0
}
command -v apt-get >/dev/null 2>&1 || skip "を自動で入れられる環境ではないため"
[ "$(id -u)" = 0 ] || skip "を入れる権限（root）がないため"
echo "準備: テスト用に PostgreSQL を入れます"
# No cluster of the system's own: it would only take a port and memory.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
{ apt-get -q update && apt-get -q install -y --no-install-recommends postgresql; } >/dev/null 2>&1 ||
    skip "を入れられなかったため"
