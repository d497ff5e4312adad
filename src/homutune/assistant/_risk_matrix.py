"""The matrix of a register as an SVG picture: categories by 確認優先度, risks by number."""

from __future__ import annotations

from xml.sax.saxutils import escape

from homutune.assistant._playbook import PRIORITIES
from homutune.assistant._risks import Register

#: The letters on these colours keep a contrast of 4.5:1 and more; a cell also shows its numbers.
_COLOURS = {"高": "#a3212f", "中": "#8a5700", "低": "#47617d"}
_LEFT, _CELL, _ROW, _TOP, _DOT, _PER_LINE = 210, 190, 44, 70, 30, 6


def matrix_svg(register: Register) -> str:
    """The picture as a self-contained SVG with a title and a description for screen readers."""
    rows = register.categories or ("（該当なし）",)
    heights = [
        max(
            _ROW,
            14
            + _DOT
            * max(-(-len(register.cell(row, priority)) // _PER_LINE) for priority in PRIORITIES),
        )
        for row in rows
    ]
    width, height = _LEFT + _CELL * len(PRIORITIES) + 20, _TOP + sum(heights) + 40
    counts = "、".join(
        f"{priority} {sum(risk.priority == priority for risk in register.risks)} 件"
        for priority in PRIORITIES
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="t d" font-family="\'Noto Sans JP\','
        "'Noto Sans CJK JP','Hiragino Sans','Yu Gothic',sans-serif\" font-size=\"14\">",
        f'<title id="t">確認優先度の一覧：{escape(register.file)}</title>',
        f'<desc id="d">{escape(counts)}。番号は登録簿の番号。</desc>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="26" font-weight="bold" font-size="16" fill="#1c2430">'
        f"確認優先度の一覧（{escape(counts)}）</text>",
    ]
    for column, priority in enumerate(PRIORITIES):
        parts.append(
            f'<text x="{_LEFT + _CELL * column + _CELL // 2}" y="{_TOP - 14}" text-anchor="middle" '
            f'font-weight="bold" fill="{_COLOURS[priority]}">確認優先度 {priority}</text>'
        )
    top = _TOP
    for row, high in zip(rows, heights, strict=True):
        parts.append(f'<text x="12" y="{top + high // 2 + 5}" fill="#1c2430">{escape(row)}</text>')
        for column, priority in enumerate(PRIORITIES):
            left = _LEFT + _CELL * column
            parts.append(
                f'<rect x="{left}" y="{top}" width="{_CELL}" height="{high}" fill="#f7f8fa" '
                'stroke="#cfd6df"/>'
            )
            for index, risk in enumerate(register.cell(row, priority)):
                x = left + 20 + _DOT * (index % _PER_LINE)
                y = top + 22 + _DOT * (index // _PER_LINE)
                parts.append(
                    f"<g><title>{escape(f'{risk.number}. {risk.topic}')}</title>"
                    f'<circle cx="{x}" cy="{y}" r="13" fill="{_COLOURS[priority]}"/>'
                    f'<text x="{x}" y="{y + 5}" text-anchor="middle" fill="#fff" '
                    f'font-weight="bold">{risk.number}</text></g>'
                )
        top += high
    parts.append(
        f'<text x="12" y="{top + 24}" font-size="12" fill="#47515f">'
        "縦は分類、横はプレイブックの確認優先度。発生の見込みや損害の大きさの評価ではありません。</text>"
    )
    return "\n".join([*parts, "</svg>"])
