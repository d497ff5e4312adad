import json
from dataclasses import replace

from homutune.data import Fixer, check_examples, example_line, read_examples
from homutune.data._checks import repair
from pairs import pair


def fixed(*examples):
    fixer = Fixer()
    return list(fixer.fix(examples)), fixer.changes


def test_safe_repairs_change_characters_and_no_words():
    assert repair("契約\u200bの\x07解除") == "契約の解除"
    assert repair("ﾗｲｾﾝｽ契約") == "ライセンス契約"
    assert repair("第１条 ＡＢＣ") == "第1条 ABC"
    assert repair("①甲 Ⅳ ㈱乙 ㍻30年 ㋿2年") == "(1)甲 IV （株）乙 平成30年 令和2年"
    assert repair("か\u3099") == "が"
    assert repair("a\r\nb\u2028c") == "a\nb\nc"


def test_names_quotations_and_mojibake_are_left_alone():
    assert repair("髙橋と山﨑") == "髙橋と山﨑"
    assert repair("「結論」（注）—※") == "「結論」（注）—※"
    broken = "契約の解除".encode().decode("cp932", "replace")
    assert repair(broken) == broken


def test_what_was_repaired_is_no_longer_found_and_told_as_a_change():
    dirty = pair(1, "結論：はい。１年と2年、\u200bデータ①。", "ﾗｲｾﾝｽの\x00期間は？")
    (clean,), changes = fixed(dirty)
    rules = {f.rule.id for f in check_examples([clean]).findings}
    assert not rules & {"C002", "C003", "C004", "C005", "C006"}
    assert [(c.number, c.part) for c in changes] == [(1, "質問"), (1, "回答")]
    assert (changes[0].before, changes[0].after) == (dirty.question, clean.question)


def test_a_sound_example_comes_back_as_it_is():
    example = pair(1)
    (same,), changes = fixed(example)
    assert same is example
    assert changes == []


def test_of_equal_pairs_the_first_stays():
    twice, changes = fixed(pair(1), pair(2, question=pair(1).question), pair(3))
    assert [e.meta.id for e in twice] == ["q-001", "q-003"]
    assert [(c.id, c.after) for c in changes] == [("q-002", None)]


def test_keys_that_no_provider_accepts_are_dropped_and_meaningful_ones_kept(tmp_path):
    messages = [
        {"role": "user", "content": "問い", "weight": 1, "lang": "ja"},
        {"role": "assistant", "content": "答え", "weight": 0},
    ]
    path = tmp_path / "a.jsonl"
    lines = [{"messages": messages, "label": "x"}, {"messages": messages, "tools": []}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    fixer = Fixer()
    (clean,) = fixer.fix(read_examples(path)[:1])
    assert clean.raw is None
    assert clean.messages == (
        {"role": "user", "content": "問い"},
        {"role": "assistant", "content": "答え", "weight": 0},
    )
    assert fixer.changes[0].before == "label・lang・weight"
    (kept,) = Fixer().fix(read_examples(path)[1:])
    assert json.loads(example_line(kept))["tools"] == []


def test_a_line_holds_messages_and_meta_and_reads_back_equal(tmp_path):
    example = pair(1, "答え\u2028です", must=("a|b",), group="g")
    path = tmp_path / "a.jsonl"
    path.write_text(example_line(example), encoding="utf-8")
    (again,) = read_examples(path)
    assert replace(again, source=None) == example
