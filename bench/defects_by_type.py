"""Kinds of defects that only some types of contracts can have."""

from __future__ import annotations

from defects import Defect, add, delete, either, replace, rewrite, within

TYPED = (
    Defect("別紙の付け忘れ", replace(r"(?s)\n別紙[（\n].*", "\n"), ("besshi",)),
    # ライセンス
    Defect("再許諾の削除", delete("再許諾|再実施"), ("license-saikyodaku",)),
    Defect("実施料の削除", delete("実施料|対価"), ("license-taika",)),
    Defect(
        "一方的な実施料の変更",
        rewrite("実施料|対価", lambda c: f"{c.them}は、実施料を変更することができる。", keep=True),
        ("license-taika",),
        side=1,
    ),
    Defect("非侵害の表明の削除", delete("第三者の権利|表明"), ("license-hosho",)),
    Defect(
        "改良技術の譲渡",
        rewrite("改良", lambda c: f"{c.us}は、改良技術に関する権利を、無償で{c.them}に譲渡する。"),
        ("license-kairyo",),
        side=1,
    ),
    Defect(
        "不争義務",
        add(lambda c: f"{c.us}は、特許の有効性を争わない。"),
        ("license-fusou",),
        side=1,
    ),
    Defect("終了後の措置の削除", delete("終了後(?!も)|終了の効果"), ("license-shuryogo",)),
    # ソフトウェア開発
    Defect("仕様の変更の手続の削除", delete("仕様の変更"), ("kaihatsu-henko",)),
    Defect(
        "一方的な仕様の変更",
        rewrite("仕様の変更", lambda c: f"{c.them}は、いつでも仕様を変更することができる。"),
        ("kaihatsu-henko",),
    ),
    Defect("第三者のソフトウェアの削除", delete("第三者の?ソフトウェア"), ("kaihatsu-oss",)),
    Defect(
        "ソースコードの納入漏れ",
        within("納入", "、ソースコード(?=及び)|（ソースコードを含む。）", ""),
        ("kaihatsu-nohin",),
        side=0,
    ),
    Defect("セキュリティの削除", delete("セキュリティ"), ("kaihatsu-security",), side=0),
    # SaaS
    Defect(
        "責任の全部の免除",
        rewrite("損害|責任", lambda c: f"{c.them}は、{c.us}の損害につき一切の責任を負わない。"),
        ("saas-sekinin",),
        side=1,
    ),
    Defect(
        "サービス提供者の賠償の上限なし",
        within("損害|責任", r"[^。\n]*(?:限度|上限)[^。]*。(?:ただし[^。]*。)?", ""),
        ("saas-sekinin",),
        side=0,
    ),
    Defect(
        "規約の自由な変更",
        rewrite("変更", lambda c: f"{c.them}は、いつでも本契約を変更することができる。"),
        ("saas-kiyaku-henko",),
        side=1,
    ),
    Defect(
        "予告のない停止",
        rewrite("停止", lambda c: f"{c.them}は、予告なく本サービスを停止することができる。"),
        ("saas-teishi",),
        side=1,
    ),
    Defect(
        "データの自由な利用",
        rewrite("^[^時後]*データ", lambda c: f"登録されたデータは、{c.them}が自由に利用できる。"),
        ("saas-data",),
        side=1,
    ),
    Defect("終了時のデータの削除", delete("終了[時後]の?データ"), ("saas-data-henkan",)),
    # 共同研究開発
    Defect(
        "成果がすべて相手方に帰属",
        rewrite("成果の帰属", lambda c: f"研究の成果に関する権利は、すべて{c.them}に帰属する。"),
        ("kyodo-kizoku",),
    ),
    Defect("従前からの知的財産の削除", delete("従前|既存の知的"), ("kyodo-kizon",)),
    Defect("出願の削除", delete("出願"), ("kyodo-shutsugan",)),
    Defect("公表の削除", delete("公表"), ("kyodo-kohyo",)),
    Defect(
        "公表の禁止",
        rewrite("公表", "甲及び乙は、研究の成果を公表してはならない。"),
        ("kyodo-kohyo",),
    ),
    Defect(
        "長すぎる研究の制限",
        either(
            rewrite(
                "第三者との研究",
                "甲及び乙は、契約の終了後5年間、類似の研究を第三者と行ってはならない。",
            ),
            add("甲及び乙は、契約の終了後5年間、第三者と類似の研究を行ってはならない。"),
        ),
        ("kyodo-kyogo",),
    ),
    # 販売代理店
    Defect(
        "独占か非独占かの漏れ",
        within("指定", "非独占的な|この指定は独占的なものではない。", ""),
        ("hanbai-shitei",),
    ),
    Defect(
        "再販売価格の拘束",
        rewrite("再販売価格|小売価格", "乙は、甲の指定する小売価格を遵守しなければならない。"),
        ("hanbai-kakaku",),
    ),
    Defect(
        "未達による直ちの解除",
        rewrite(
            "最低購入|販売目標",
            "乙の購入が最低購入数量に達しないときは、甲は、直ちに本契約を解除することができる。",
        ),
        ("hanbai-saitei",),
        side=1,
    ),
    Defect(
        "終了後の競合品の禁止",
        rewrite("競合", "乙は、契約の終了後も競合する商品を取り扱ってはならない。", keep=True),
        ("hanbai-kyogo",),
        side=1,
    ),
    Defect("在庫の扱いの削除", delete("在庫"), ("hanbai-shuryo",)),
    Defect(
        "短い契約不適合の期間（代理店）",
        within("不適合|品質", "(?:1年|一年)以内", "1か月以内"),
        ("hanbai-futekigo",),
        side=1,
    ),
    # 雇用
    Defect(
        "変更の範囲の漏れ", within("場所", r"(?:2　)?変更の範囲は、[^\n]*", ""), ("koyo-basho",)
    ),
    Defect(
        "労働者の違約金",
        add("乙が1年以内に退職したときは、乙は、甲に違約金として金500,000円を支払う。"),
        ("koyo-baisho",),
    ),
    Defect(
        "予告のない解雇",
        rewrite("解雇", "甲は、理由のいかんを問わず、いつでも乙を解雇することができる。"),
        ("koyo-taishoku",),
    ),
    Defect(
        "休憩の漏れ", within("時間", "とし、休憩は[^。]*|、休憩は[^。]*", "とする"), ("koyo-jikan",)
    ),
    Defect(
        "3年を超える有期雇用",
        rewrite("期間", "雇用の期間は、5年間とし、更新しない。"),
        ("koyo-kikan",),
    ),
    Defect(
        "割増賃金の不払い",
        rewrite("時間外", "乙は、時間外の労働について割増賃金を請求することができない。"),
        ("koyo-jikangai",),
    ),
    Defect(
        "固定残業代の時間数の漏れ",
        either(
            within("固定残業代", "時間外労働[0-9]+時間分に当たる", ""),
            add("基本給には、固定残業代を含むものとする。"),
        ),
        ("koyo-kotei",),
    ),
    Defect(
        "損害金の賃金からの控除",
        rewrite("賃金$|賃金）", "乙が甲に与えた損害の額は、翌月の賃金から控除する。", keep=True),
        ("koyo-chingin",),
    ),
)
