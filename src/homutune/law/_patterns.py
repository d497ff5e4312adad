"""How articles are written: the expressions :mod:`homutune.law._citations` is made of.

All of them are used on text in :func:`homutune.law._text.half_width` form.
"""

from __future__ import annotations

import re

NUMBER = r"(?:(?<![0-9])[0-9]{1,4}(?![0-9])|[〇一二三四五六七八九十百千]{1,9})"
# 709条の2つの要件, 第三条の一部: a counted thing, not a branch number.
_BRANCH = (
    r"[のノ](?:[0-9]{1,3}(?![0-9.]|[つ個人年月日点種者回件度倍社通割項号ヶヵカ週時分%円]|か[月年所国条])"
    r"|[一二三四五六七八九十]+(?![つ一二三四五六七八九十]|(?![第前後本柱但及又並若各])[一-龥]))"
)
_SUFFIX = r"(?:ただし書|但し?書|前段|中段|後段|本文|柱書|各号)"
# 1・2項, 1、3号: numbers that share one counter.
_SHARED = r"(?:[0-9]{1,3}\s?[・、,~〜-]\s?){0,9}"
_PARAGRAPH = rf"(?:(?P<more_paragraphs>{_SHARED})第?\s?(?P<paragraph>{NUMBER})\s?項(?!目))"
_ITEM = (
    rf"(?:(?P<more_items>{_SHARED})第?\s?(?P<item>{NUMBER})\s?号(?P<item_branch>(?:{_BRANCH})*)"
    r"(?![室機棟車館線店議案])(?P<subitem>[イロハニホヘトチリヌ](?![ァ-ヺー]))?)"
)
_PART = rf"(?:\s?の?(?P<suffix>{_SUFFIX})き?)"
# 38条（定期建物賃貸借）3項; 309条Ⅱ and 309条② are how textbooks write paragraphs.
_NOTE = r"(?:\([^()0-9]{1,30}\)(?=第?\s?[0-9]+\s?項))?"
_TAIL = rf"{_NOTE}(?:\s?の?{_PARAGRAPH}|(?P<mark>[①-⑳Ⅰ-Ⅻ]))?(?:\s?の?{_ITEM})?{_PART}?"

# 第3条件, 三条市, 一条通: no article.
_NO_ARTICLE = r"(?![件約例文理項](?!第)|[市城通駅町]|[東西南北]?[0-9一二三四五六七八九十]+丁目)"
#: An article, or a word that takes one up again.
REFERENCE = re.compile(
    rf"(?:(?P<again>[同前次]条)(?![件約例文理項])"
    rf"|(?P<shared>(?:(?<![0-9.])[0-9]{{1,4}}(?:の[0-9]{{1,2}})?\s?[・、,~〜-]\s?){{0,9}})"
    rf"第?\s?(?P<article>{NUMBER})\s?条{_NO_ARTICLE}(?P<branch>(?:{_BRANCH})*)"
    rf"|(?P<supplement>附則)(?=\s?第?\s?{NUMBER}\s?項)){_TAIL}"
    rf"|(?P<part>[同前次][項号])(?!目)(?:\s?の?第?\s?(?P<number>{NUMBER})\s?号)?"
    rf"(?:\s?の?(?P<part_suffix>{_SUFFIX})き?)?"
    rf"|同第?\s?(?P<same_paragraph>{NUMBER})\s?項(?:\s?第?\s?(?P<same_item>{NUMBER})\s?号)?"
)
#: A further paragraph or item after a connector.
MORE = re.compile(rf"(?={_SHARED}第?\s?{NUMBER}\s?[項号]){_PARAGRAPH}?\s?の?{_ITEM}?{_PART}?")
CONNECTOR = re.compile(
    r"(?:\([^()]{0,60}\))?(?:まで|書面|書類|協定)?\s?(?:[、,・/~〜→-]|及び|および|又は|または|並びに|ならびに|若しくは"
    r"|もしくは|あるいは|ないし|乃至|から|さらに|と|や)+\s?(?:の各?規定)?"
)
SHARED_NUMBER = re.compile(r"[0-9]+(?:の[0-9]+)?")

_BRACKETS = r"\((?:[^()]|\([^()]*\))*\)"
#: Between a law's name and the article: （平成十五年法律第五十七号）, 」の, における, （ …
GAP = re.compile(
    rf"(?:[」』】]|\s?{_BRACKETS})*\s?"
    r"(?:(?P<loose>(?:では|は|も|が定める|に定める|の定める|に基づく|所定の|が規定する|に規定する|に関し)[、,]?)"
    r"|(?:において|における|上の?|中の?|の(?:うち|中の?)?|に(?:いう|よる)|でいう)[は、,]{0,2})?"
    r"\s?[(「『【]?\s?(?P<supplement>(?:の|原始)?附則)?(?:抄)?\s?\Z"
)
#: （平成二十九年法律第四十四号による改正前のもの）: the law as it was.
AS_IT_WAS = re.compile(r"改正前")
#: 同法, 同施行令; 同 right before a number (同416条).
SAME_LAW = re.compile(
    r"同(?:法律?(?P<ordinance>施行令|施行規則|施行細則)?|(?P<kind>施行令|施行規則|規則|政令|省令|府令|条例|令))\Z"
)
SAME_NUMBER = re.compile(r"同\Z")
#: In such a sentence a bare number is a clause of the document at hand.
OF_A_CONTRACT = re.compile(
    r"甲|乙|丙|本(?:契約|覚書|規約|約款|合意|書面|規程|規則|条項|サービス)|契約書|利用規約|約款|定款|規程|就業規則"
)

_QUOTED = r"[「『\"“](?P<alias>[^」』\"”、。()]{1,20})[」』\"”]"
#: What stands before a bare 29条 that goes on with the law cited before: a particle or a bracket,
#: but no word for a document of its own.
BEFORE_FURTHER = re.compile(
    r"(?<!契約)(?<!条例)(?<!条約)(?<!規則)(?<!協定)(?<!指針)(?<!要綱)[はがをにでとのもや、,(]\s?\Z"
)
#: What makes it worth knowing which laws a text names: 同法, 附則, a definition.
TAKES_UP = re.compile(
    r"同(?=法|施行|規則|政令|省令|府令|条例|令)|附則|通称|略称|いわゆる|以下(?=[^。]{0,14}?[「『\"“法])"
    r"|[をは][、,]?(?:単に)?[「『\"“]"
)
#: （以下「法」という。）: what stands in brackets behind a law's name.
IN_BRACKETS = re.compile(rf"[」』】]?\s?(?P<content>{_BRACKETS})")
DEFINED_IN_BRACKETS = re.compile(
    rf"(?:以下|通称|略称|いわゆる)[^「『\"“。]{{0,14}}?{_QUOTED}"
    r"|(?:以下|通称|略称|いわゆる)[、:,]?\s?(?P<bare>[一-龥A-Z]{1,12}法)(?=\)|と)"
)
#: 会社法を「法」という。
DEFINED_IN_SENTENCE = re.compile(
    rf"[」』】]?(?:{_BRACKETS})?[をは][、,]?(?:以下[、,]?)?(?:単に)?{_QUOTED}"
    r"(?:と(?:い[うい]|呼|略|表記|定義|する|します)|[、,])"
)
