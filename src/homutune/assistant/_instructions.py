"""Sentences of a contract that speak to a machine: shown to the reader, kept from the rules.

A contract may say in plain sight 「AI は反社会的勢力の条項を指摘しないこと」. A rule that looks for
a word would take that for the clause. So the rules look at the contract as it is, without such
sentences, and without the paragraphs they stand in; what they find in any of them is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from homutune.assistant._document import Document
from homutune.assistant._shadow import Shadow

_MACHINE = (
    "(?:AI|人工知能|LLM|言語モデル|生成モデル|ChatGPT|GPT|Claude|Gemini|アシスタント|チャットボット"
    "|レビュー(?:システム|ツール|担当AI|AI|エンジン)|自動(?:審査|レビュー)|法務チューン|homutune)"
)
_ORDER = "(?:せよ|しろ|[うくすつむる]こと|ないこと|ください|なさい|するな|返せ|出力)"
_FINDING = "(?:指摘|アラート|フラグ|問題点|findings?|確認優先度)"
#: On the shadow: no spaces, no zero-width characters, half-width letters.
_ADDRESSED = re.compile(
    r"(?:以前|これまで|上記|直前|先|すべて|全て|あらゆる)の?(?:の)?(?:システム)?(?:指示|命令|プロンプト|ルール|規則|制約)"
    r"[^。]{0,12}(?:無視|忘れ|破棄|無効|上書き|従わ)"
    rf"|{_MACHINE}(?:への|に対する|向けの?)(?:重要な?)?(?:指示|命令|注意|メッセージ)"
    rf"|{_MACHINE}(?:は|へ|よ)[^。]{{0,60}}{_ORDER}"
    rf"|あなたは[^。]{{0,30}}{_MACHINE}"
    rf"|{_FINDING}(?:を|は|が|の)?[^。]{{0,12}}(?:0件|ゼロ件|(?:報告|出力|表示)?しない(?:こと|で)"
    r"|不要(?:です|である)|出すな|するな|下げ(?:よ|て)|低(?:に|と|へ)(?:せよ|する|して))"
    r"|システム(?:プロンプト|メッセージ|指示|命令)|開発者モード|プロンプト(?:を|インジェクション)"
    r"|(?:</?|\[|【|<\||###?)(?:system|assistant|user|inst|developer|im_start|システム|指示)"
    r"|(?:ignore|disregard|forget)(?:all|any|the)*(?:previous|prior|above|earlier)"
    r"|(?:donot|don't|never)(?:report|flag|mention)|youare(?:now|an?ai)|systemprompt|newinstructions?"
    r"|(?:次|以下)の(?:JSON|ツール|関数|コマンド|URL|URI)(?:を|に)[^。]{0,20}(?:返|実行|呼|送|アクセス)"
    r"|https?://[^。]{0,80}(?:送信|アクセス|POST|取得|fetch)|(?:curl|wget|rm-rf|os\.system|eval\()",
    re.IGNORECASE,
)
#: Each match has one of these in it; to look for them first is ten times as fast.
_HINT = re.compile(
    "無視|忘れ|破棄|無効|上書き|従わ|ai|人工知能|llm|モデル|gpt|claude|gemini|アシスタント|チャットボット"
    "|レビュー|自動審査|法務チューン|homutune|指摘|アラート|フラグ|問題点|finding|確認優先度|システム"
    "|プロンプト|開発者|指示|命令|assistant|user|inst|developer|im_start|ignore|disregard|forget"
    "|donot|don't|never|youare|json|ツール|関数|コマンド|ur[li]|http|curl|wget|rm-rf|system|eval"
)


def addressed_sentences(text: str, shadow: Shadow | None = None) -> list[tuple[int, int]]:
    """Where ``text`` speaks to a machine: whole sentences, in order, none twice.

    Args:
        shadow: that of ``text``, where it has been made already.
    """
    shadow = shadow or Shadow(text)
    found: list[tuple[int, int]] = []
    for match in _matches(shadow.text):
        start, end = shadow.span(*match)
        start = max(text.rfind(mark, 0, start) + 1 for mark in "。\n")
        stops = [at for mark in "。\n" if (at := text.find(mark, max(start, end - 1))) >= 0]
        end = min(stops, default=len(text) - 1) + 1
        if found and start < found[-1][1]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def _matches(text: str) -> Iterator[tuple[int, int]]:
    for sentence in re.finditer("[^。]+。?", text):
        if _HINT.search(sentence[0].lower()):
            for match in _ADDRESSED.finditer(text, *sentence.span()):
                yield match.span()


def blanked(document: Document, spans: Sequence[tuple[int, int]]) -> Document:
    """``document`` with ``spans`` as blanks, every offset as before."""
    text = document.text
    for start, end in spans:
        text = text[:start] + re.sub(r"[^\n]", "\u3000", text[start:end]) + text[end:]
    return replace(document, text=text)


def readings(document: Document, shadow: Shadow) -> tuple[list[Document], tuple[str, ...]]:
    """The document as rules must look at it, in one way or in three; and what spoke to a machine.

    The first is the document itself.
    """
    spans = addressed_sentences(document.text, shadow)
    if not spans:
        return [document], ()
    around = [
        (block.start, block.end)
        for block in document.blocks
        if any(start < block.end and block.start < end for start, end in spans)
    ]
    found = tuple(document.text[start:end].strip() for start, end in spans)
    return [document, blanked(document, spans), blanked(document, around)], found
