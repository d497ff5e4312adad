"""Names of persons in running text, told by what stands around them.

佐藤さん, 担当：佐藤 and 代表取締役 佐藤一郎 carry a mark; 佐藤一郎が is a frequent surname followed
by a character that given names end in. A name without any of that is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

#: Frequent surnames, for names without a mark.
_SURNAMES = Path(__file__).with_name("surnames.txt").read_text("utf-8").split()
_HAN = "一-龥々ヶノ髙﨑"
#: The lookahead lets the search skip what no surname begins with: ten times as fast.
_SURNAME = (
    f"(?=[{''.join(sorted({name[0] for name in _SURNAMES}))}])"
    f"(?:{'|'.join(sorted(_SURNAMES, key=len, reverse=True))})"
)
#: What ends a given name more often than any other word.
_GIVEN_END = (
    "[郎朗雄男夫介助輔太也哉斗人仁樹輝弘博浩宏広裕祐佑之幸行孝隆正昌雅史志司治二三一誠徹健剛哲学聡智明彰"
    "光晃悟進勝敏俊茂実稔豊翔蓮陽翼大蔵造吾平悠颯子美恵代江香花華奈菜音織里理沙紗希季咲衣乃穂葉月央緒加佳結由優愛彩文]"
)
_TITLES = (
    "様|さま|さん|氏|殿|君|先生|弁護士|司法書士|税理士|会計士|代表取締役|取締役|執行役員|監査役|社長|会長|専務|常務"
    "|部長|課長|係長|主任|次長|室長|支店長|所長|本部長|マネージャー|主査|主事|裁判官|検事"
)
_ANY_TITLE = re.compile(_TITLES)
#: Ordinary words in front of 様, さん, 氏 and titles: 仕様, 同様, お客様, 両氏, 担当部長, 法務部長.
_NO_NAME = re.compile(
    r"\A[仕同多模一異有各奥神諸両某皆何客殿貴副元前新現平部課室局係庁署]\Z"
    r"|(?:相手|取引先|お客|皆々|御社|貴社|得意先|顧客|利用者|加盟店|会員|患者|被害者|株主|債権者"
    r"|債務者|担当|代表|専務|常務|当該|総務|法務|人事|営業|経理|財務|企画|開発|製造|購買|調達|監査"
    r"|事業|管理|技術|情報|社外|独立|業務|代理|工場|支店|営業所|研究所|本社|本部|[部課室局係庁署]"
    r"|新任|前任|後任|兼任|会社|法人|組合|銀行|学校|大学|医師|教授|弁護|顧問|社内|選任|常勤|筆頭|共同)\Z"
)
_MARKED = re.compile(
    rf"(?<![{_HAN}ァ-ヴー])([{_HAN}]{{1,4}}[ 　]?[{_HAN}]{{0,4}}?"
    rf"|[{_HAN}]{{1,4}}[ 　][ぁ-ん]{{2,4}}"
    rf"|{_SURNAME}(?:[ぁ-ん]{{2,4}}?|[ァ-ヴ]{{2,4}}))[ 　]?(?:{_TITLES})(?![{_HAN}])"
)
#: 担当：佐藤, 氏名 山田太郎: a label, then a mark of punctuation, then the name and no more.
_LABELLED = re.compile(
    r"(?:氏名|お名前|担当者?|責任者|代表者|代表取締役(?:社長|会長)?|代表社員|連絡先|窓口|署名|記名"
    r"|弁護士|依頼者|相談者|申込者|契約者|部長|課長|係長|室長|店長)"
    r"(?:名|[:：「（(・＝=\s]){1,2}"
    rf"([{_HAN}]{{2,4}}[ 　]?[{_HAN}ぁ-んァ-ヴ]{{1,4}}|[{_HAN}]{{2,4}})"
    rf"(?=[^{_HAN}ぁ-んァ-ー]|[がはをにのと]|\Z)"
)
#: 担当は佐藤, 従業員の佐藤: a label in running text needs a surname that is known.
_TOLD = re.compile(
    r"(?:氏名|名前|担当者?|責任者|代表者|代表取締役(?:社長|会長)?|取締役|監査役|窓口|弁護士"
    r"|依頼者|相談者|従業員|社員|部長|課長)"
    rf"(?:は|の|である|、)({_SURNAME}[{_HAN}]{{0,3}})(?=[がはをにのともで、。]|\Z)"
)
_FULL = re.compile(
    rf"(?<![{_HAN}])({_SURNAME}[ 　]?[{_HAN}]{{0,2}}{_GIVEN_END})"
    r"(?=[はがをにのともへで、。,」）)（(\s]|\Z|から|より|さん|様|氏|殿|君|両名)"
)
_FAMILY = re.compile(rf"\A{_SURNAME}")
#: Kanji words that labels are followed by, which are no names.
_WORDS = re.compile(
    r"会社|株式|法人|業務|部門|契約|責任|義務|事業|管理|窓口|連絡|担当|変更|確認|記載|署名|押印|住所|氏名|番号|報告|対応|判断|全員|本人|本店"
    r"|委員|取締|役員|監査|代表|同意|承認|選任|解任|交代|就任|退任|個人|情報|通知|請求|相談|費用|報酬|損害|賠償|名義|雇用|労働|採用|社員|従業|一覧"
    r"|以外|以上|以下|未満|双方|各自|自身|自体|本社|総会|決議|権限|退職|在職|死亡|不在|不明|複数|一人|二人|数名|全部|一部|海外|国内|向け|等|者\Z|人\Z|名\Z|側\Z|間\Z|時\Z|中\Z|内\Z|用\Z|別\Z|宛\Z|的\Z|性\Z|法\Z|書\Z|料\Z|金\Z|権\Z|日\Z"
)


def find_names(plain: str) -> Iterator[tuple[int, int]]:
    """Offsets of what looks like a person's name."""
    for match in _MARKED.finditer(plain) if _ANY_TITLE.search(plain) else ():
        name = match[1].strip()
        if _NO_NAME.search(name) or _WORDS.search(name):
            continue
        # One ideograph is a surname only with さん or 様 (林さん), not before a title (本社長).
        if len(name) == 1 and not _FAMILY.match(name) and name not in _SHORT_SURNAMES:
            continue
        yield match.start(1), match.start(1) + len(name)
    for pattern in (_LABELLED, _TOLD, _FULL):
        for match in pattern.finditer(plain):
            if not _WORDS.search(match[1]):
                yield match.span(1)


_SHORT_SURNAMES = set("林森原東関岡南堀谷辻島星泉菅榊岸畑西北平")
