"""The catalogue: every rule of ``homutune data check``, by id.

The remedy that fits a case comes with the case; here stands what a rule is about and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

#: The four families of the course, and two of our own.
FAMILIES = (
    "フォーマットの正確性",
    "内容の多様性",
    "回答の品質と一貫性",
    "特殊文字・不適切な内容",
    "個人情報・秘密情報",
    "法令",
)
_FORMAT, _DIVERSITY, _QUALITY, _CHARACTERS, _PRIVATE, _LAW = FAMILIES


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for."""

    id: str
    family: str
    severity: Severity
    title: str
    #: Why it matters, one Japanese sentence.
    why: str


_REFUSED = "この行があると、ファイル全体の学習が断られます。"
_LOOKS_ODD = "モデルは文字もまねるので、同じ文字が回答に出るようになります。"
_PERSONAL = "学習したモデルは、覚えた文をほかの人への回答に出すことがあります。"
_STYLE = "文体のばらつきは、そのまま回答のばらつきになります。"

_TABLE: tuple[tuple[str, str, Severity, str, str], ...] = (
    ("F001", _FORMAT, "error", "行がオブジェクトではない", _REFUSED),
    ("F002", _FORMAT, "error", "messages がない", _REFUSED),
    ("F003", _FORMAT, "error", "role か content がない", _REFUSED),
    ("F004", _FORMAT, "error", "メッセージに余分なキーがある", _REFUSED),
    ("F005", _FORMAT, "error", "知らない役割（role）", _REFUSED),
    ("F006", _FORMAT, "error", "質問か回答が空", _REFUSED),
    ("F007", _FORMAT, "error", "weight の誤り", _REFUSED),
    ("F008", _FORMAT, "error", "回答（assistant）がない", _REFUSED),
    ("F009", _FORMAT, "warning", "回答で終わっていない", "最後の発言は学習に使われません。"),
    ("F010", _FORMAT, "error", "行に余分なキーがある", _REFUSED),
    ("F011", _FORMAT, "error", "件数が足りない", "10件に満たないファイルは断られます。"),
    ("F013", _FORMAT, "warning", "ツールの定義がある", "ツールの部分は学習に使われません。"),
    ("F014", _FORMAT, "warning", "質問（user）がない", "何に答えたのかをモデルが学べません。"),
    ("D003", _FORMAT, "error", "id の重複", "分割や評価で、別の例と取り違えます。"),
    ("G001", _FORMAT, "error", "カードが見つからない", "資料つきの形にできません。"),
    (
        "G002",
        _FORMAT,
        "warning",
        "カードを共有する組が別の group",
        "学習用と検証用に同じ知識が分かれると、評価が甘くなります。",
    ),
    ("K001", _DIVERSITY, "warning", "知らない種類", "種類ごとの集計から外れます。"),
    ("D001", _DIVERSITY, "warning", "同じ組の重複", "同じ文を何度も学ぶと、丸覚えに近づきます。"),
    (
        "D004",
        _DIVERSITY,
        "warning",
        "ほとんど同じ質問",
        "件数ほどには種類が増えません。分割をまたぐと評価も甘くなります。",
    ),
    (
        "D008",
        _DIVERSITY,
        "warning",
        "意味の近い質問",
        "言い方だけを変えた質問です。分割をまたぐと評価が甘くなります。",
    ),
    ("D005", _DIVERSITY, "warning", "種類・分野の偏り", "少ない種類は身につきません。"),
    (
        "D006",
        _DIVERSITY,
        "warning",
        "長さが飛び抜けた回答",
        "ほかと長さが4倍以上違う回答は、写し誤りか別の形式のことが多いものです。",
    ),
    ("D007", _DIVERSITY, "warning", "論点の計画に足りない", "答えられない論点が残ります。"),
    (
        "R001",
        _QUALITY,
        "error",
        "必須の語がない",
        "評価の基準と模範回答が食い違うと、正しい回答が減点されます。",
    ),
    (
        "R002",
        _QUALITY,
        "error",
        "禁止の語がある",
        "評価の基準と模範回答が食い違うと、正しい回答が減点されます。",
    ),
    ("S001", _QUALITY, "warning", "3行の形になっていない", _STYLE),
    ("S002", _QUALITY, "warning", "です・ます調でない", _STYLE),
    ("S003", _QUALITY, "warning", "回答が短すぎるか長すぎる", _STYLE),
    (
        "D002",
        _QUALITY,
        "warning",
        "同じ質問に違う回答",
        "どちらが正しいかをモデルは決められません。",
    ),
    (
        "Q001",
        _QUALITY,
        "warning",
        "近い質問の回答が矛盾",
        "結論の可否や数字が反対だと、どちらが正しいかをモデルは決められません。",
    ),
    ("Q002", _QUALITY, "warning", "結論がない", "結論から書く形が身につきません。"),
    (
        "Q003",
        _QUALITY,
        "warning",
        "あいまいな言い方",
        "「かもしれません」「ケースバイケース」などの逃げた言い方まで身につきます。",
    ),
    ("Q004", _QUALITY, "warning", "同じ文の繰り返し", "回答が止まらなくなる原因になります。"),
    (
        "Q005",
        _QUALITY,
        "warning",
        "用語のゆれ",
        "同じ人や物の呼び方が、一つの回答の中で変わっています。",
    ),
    (
        "F012",
        _CHARACTERS,
        "error",
        "特殊トークン",
        "会話の区切りと取り違えられ、学習が失敗します。",
    ),
    ("F015", _CHARACTERS, "error", "壊れた文字（�）", _LOOKS_ODD),
    ("C001", _CHARACTERS, "error", "文字化け", "文字コードを取り違えて読んだ文です。"),
    ("C002", _CHARACTERS, "warning", "制御文字", _LOOKS_ODD),
    (
        "C003",
        _CHARACTERS,
        "warning",
        "見えない文字",
        "ゼロ幅の文字や書字方向の指定は、検索や照合を静かに失敗させます。",
    ),
    (
        "C004",
        _CHARACTERS,
        "warning",
        "機種依存文字・外字",
        "環境によって別の字になるか、消えます。",
    ),
    ("C005", _CHARACTERS, "warning", "半角カナ", "同じ語が別の語として学ばれます。"),
    (
        "C006",
        _CHARACTERS,
        "warning",
        "全角と半角の混在",
        "同じ数字や英字が別の語として学ばれます。",
    ),
    ("C007", _CHARACTERS, "warning", "HTML の残り", _LOOKS_ODD),
    (
        "C008",
        _CHARACTERS,
        "warning",
        "濁点の分かれた文字",
        "見た目は同じでも、別の語として学ばれます。",
    ),
    (
        "C009",
        _CHARACTERS,
        "warning",
        "乱暴・差別的な表現",
        "モデルは言い方もまねます。引用が必要な場合を除き、言い換えます。",
    ),
    ("P001", _PRIVATE, "warning", "氏名", _PERSONAL),
    ("P002", _PRIVATE, "warning", "住所", _PERSONAL),
    ("P003", _PRIVATE, "warning", "電話番号", _PERSONAL),
    ("P004", _PRIVATE, "warning", "メールアドレス", _PERSONAL),
    (
        "P005",
        _PRIVATE,
        "error",
        "マイナンバー",
        "個人番号は、番号法で認められた事務のほかに使えません（検査用数字で確かめました）。",
    ),
    ("P006", _PRIVATE, "warning", "銀行口座", _PERSONAL),
    (
        "P007",
        _PRIVATE,
        "error",
        "クレジットカード番号",
        "漏えいすると不正に使われます（Luhn の検査用数字で確かめました）。",
    ),
    (
        "P008",
        _PRIVATE,
        "warning",
        "法人番号",
        "法人番号は公表されていますが、取引先を特定できます（検査用数字で確かめました）。",
    ),
    ("P009", _PRIVATE, "warning", "取引先の名前", "渡された一覧の名前です。取引関係が分かります。"),
    ("P010", _PRIVATE, "warning", "生年月日", _PERSONAL),
    (
        "L001",
        _LAW,
        "warning",
        "数字に根拠の条文がない",
        "確かめられない数字は、誤りに気づけません。",
    ),
    ("L002", _LAW, "warning", "articles と回答の食い違い", "条文の評価が正しくできません。"),
    (
        "L003",
        _LAW,
        "warning",
        "資料にない数字",
        "期間・金額・割合が、質問にも根拠のカードにもありません。",
    ),
    ("L004", _LAW, "error", "条文が見つからない", "その法令にその条はありません。"),
    ("L005", _LAW, "warning", "旧法・旧条番号", "改正で名前か条番号が変わっています。"),
    (
        "L007",
        _LAW,
        "warning",
        "条文と違う数字",
        "挙げた条の条文に、その期間・金額・割合がありません。",
    ),
    ("L006", _LAW, "warning", "条文を確かめられない", "手元の条文データでは確かめられません。"),
)

RULES: dict[str, Rule] = {entry[0]: Rule(*entry) for entry in _TABLE}
