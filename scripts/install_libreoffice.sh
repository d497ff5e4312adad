#!/bin/sh
# Puts LibreOffice Writer (no display) on a Debian machine where we may; tests open our Word files
# with it. Calm where it cannot: those tests are then skipped.
command -v soffice >/dev/null 2>&1 && exit 0
skip() {
    echo "LibreOffice $1、そのテストは飛ばします。"
    exit 0
}
command -v apt-get >/dev/null 2>&1 || skip "を自動で入れられる環境ではないため"
[ "$(id -u)" = 0 ] || skip "を入れる権限（root）がないため"
echo "準備: テスト用に LibreOffice（Writer）を入れます"
export DEBIAN_FRONTEND=noninteractive
{
    apt-get -q update &&
        apt-get -q install -y --no-install-recommends libreoffice-writer-nogui fonts-ipafont-gothic
} >/dev/null 2>&1 || skip "を入れられなかったため"
