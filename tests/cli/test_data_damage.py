"""Files of every kind of damage: a calm message, exit code 2, little memory, nothing written."""

import json
import random
import subprocess
import sys
import zipfile

import pytest
from openpyxl import Workbook

#: Runs the command and tells how much memory it took at most, in MB. (ru_maxrss would be no less
#: than what the process that started this one takes.)
RUN = """
import sys
from homutune.cli._app import run

code = run(sys.argv[1:])
status = open("/proc/self/status").read()
print("PEAK", int(status.split("VmHWM:")[1].split()[0]) // 1024)
sys.exit(code)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
MB = 2**20
BIG = 200 * MB
PAIR = '{"messages": [{"role": "user", "content": "問"}, {"role": "assistant", "content": "'


def run(*args):
    done = subprocess.run(
        [sys.executable, "-c", RUN, *args], capture_output=True, timeout=120, check=False
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    return done.returncode, out + err, int(out.rsplit("PEAK", 1)[1])


@pytest.fixture(scope="module")
def usual_peak(tmp_path_factory):
    """What the command takes for a small sound file, libraries included."""
    path = tmp_path_factory.mktemp("usual") / "a.csv"
    path.write_text("質問,回答\n" + "".join(f"問{n},答{n}\n" for n in range(20)), encoding="utf-8")
    code, _, peak = run("data", "check", str(path))
    assert code == 0
    return peak


def big_line(path, head, tail=""):
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        for _ in range(BIG // MB):
            file.write("a" * MB)
        file.write(tail)


def rewritten(path, **parts):
    """A workbook whose parts (sheet: its XML) are replaced by the chunks given."""
    book = Workbook()
    book.active.append(["質問", "回答"])
    book.save(path.with_suffix(".tmp"))
    names = {"sheet": "xl/worksheets/sheet1.xml", "strings": "xl/sharedStrings.xml"}
    replaced = {names[key]: chunks for key, chunks in parts.items()}
    with (
        zipfile.ZipFile(path.with_suffix(".tmp")) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            with new.open(name, "w", force_zip64=True) as member:
                for chunk in replaced.get(name, [old.read(name)]):
                    member.write(chunk)
    path.with_suffix(".tmp").unlink()


def sheet(rows, head=""):
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    text = f'{head}<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    return [text.encode()]


def cells(*texts):
    return "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)


def noise(path):
    path.write_bytes(random.Random(1).randbytes(100_000))


def deep_json(path):
    path.write_text(f'{{"messages": {"[" * 200_000}{"]" * 200_000}}}', encoding="utf-8")


def somewhat_deep_json(path):
    path.write_text(f'{{"messages": {"[" * 500}{"]" * 500}}}', encoding="utf-8")


def deep_yaml(path):
    path.write_text(f"pairs: {'[' * 200_000}{']' * 200_000}", encoding="utf-8")


def endless_merges(path):
    lines = ["a0: &a0 {question: a}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 30)]
    path.write_text("\n".join([*lines, "pairs: [*a29]"]), encoding="utf-8")


def endless_aliases(path):
    lines = ["a0: &a0 [a, a, a]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    path.write_text("\n".join([*lines, "pairs:", "  - {question: *a29}"]), encoding="utf-8")


def endless_aliases_in_meta(path):
    lines = ["a0: &a0 [a, a, a]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    lines += ["pairs:", "  - {question: a, answer: b, must: *a29}"]
    path.write_text("\n".join(lines), encoding="utf-8")


def broken_utf8(path):
    text = "質問,回答\n期限は？,一年以内に通知します。\n".encode()
    path.write_bytes(text + text[:40] + b"\xff\xfe\x81" + text[40:])


def utf16_without_mark(path):
    path.write_bytes("質問,回答\n期限は？,一年以内\n".encode("utf-16-le"))


def many_columns(path):
    row = ",".join(f"列{n}" for n in range(10_000))
    path.write_text(f"{row}\n" * 3, encoding="utf-8")


def many_columns_excel(path):
    book = Workbook()
    for _ in range(3):
        book.active.append([f"列{n}" for n in range(10_000)])
    book.save(path)


def unclosed_quote(path):
    with path.open("w", encoding="utf-8") as file:
        file.write('質問,回答\n問,"')
        for _ in range(BIG // 10**6):
            file.write(("a" * 99 + "\n") * 10_000)


def zip_bomb(path):
    rewritten(path, sheet=(b" " * MB for _ in range(1024)))


def lying_size(path):
    """A bomb that declares to be small: readers must not unpack more than is declared."""
    zip_bomb(path)
    data = bytearray(path.read_bytes())
    real = (1024 * MB).to_bytes(4, "little")
    while (at := data.find(real)) >= 0:
        data[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)


def billion_laughs(path):
    entities = "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "a" * 100}">' for n in range(10)
    )
    row = f"<row>{cells('質問', '回答')}</row><row>{cells('&a9;', 'b')}</row>"
    rewritten(path, sheet=sheet(row, f"<!DOCTYPE x [{entities}]>"))


def row_in_the_far_distance(path):
    rows = f'<row r="1">{cells("質問", "回答")}</row><row r="99999999999">{cells("a", "b")}</row>'
    rewritten(path, sheet=sheet(rows))


def not_xml(path):
    rewritten(path, sheet=[b"<worksheet><sheetData><row>"])


def cut_workbook(path):
    many_columns_excel(path)
    path.write_bytes(path.read_bytes()[:-2000])


def old_excel(path):
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))


def workbook_named_csv(path):
    rewritten(path)


def cut_parquet(path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([{"question": "a", "answer": "b"}] * 100), path)
    path.write_bytes(path.read_bytes()[:-100])


DAMAGE = [
    ("a.csv", noise, "バイナリー"),
    ("a.jsonl", noise, "バイナリー"),
    ("a.yaml", noise, "バイナリー"),
    ("a.xlsx", noise, "Excel"),
    ("a.parquet", noise, "Parquet"),
    ("a.jsonl", lambda p: big_line(p, PAIR, '"}]}\n'), "長すぎます"),
    ("a.csv", lambda p: big_line(p, "質問,回答\n問,"), "長すぎます"),
    ("a.csv", lambda p: big_line(p, ""), "長すぎます"),
    ("a.json", lambda p: big_line(p, f"[{PAIR}", '"}]}]'), "大きすぎます"),
    ("a.yaml", lambda p: big_line(p, "pairs:\n- question: "), "大きすぎます"),
    ("a.csv", unclosed_quote, "引用符"),
    ("a.jsonl", deep_json, "入れ子が深すぎます"),
    ("a.jsonl", somewhat_deep_json, "入れ子が深すぎます"),
    ("a.json", deep_json, "入れ子が深すぎます"),
    ("a.yaml", deep_yaml, "入れ子が深すぎます"),
    ("a.yaml", endless_merges, "<<"),
    ("a.yaml", endless_aliases_in_meta, "「must」の値が文ではありません"),
    ("a.csv", broken_utf8, "文字コード"),
    ("a.jsonl", broken_utf8, "文字コード"),
    ("a.csv", utf16_without_mark, "バイナリー"),
    ("a.csv", many_columns, "10,000"),
    ("a.xlsx", many_columns_excel, "10,000"),
    ("a.xlsx", zip_bomb, "大きすぎます"),
    ("a.xlsx", lying_size, "壊れています"),
    ("a.xlsx", billion_laughs, "壊れています"),
    ("a.xlsx", row_in_the_far_distance, "行が多すぎます"),
    ("a.xlsx", not_xml, "壊れています"),
    ("a.xlsx", cut_workbook, "壊れています"),
    ("a.xlsx", old_excel, "パスワード"),
    ("a.csv", workbook_named_csv, ".xlsx"),
    ("a.parquet", cut_parquet, "Parquet"),
]


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    DAMAGE,
    ids=[f"{getattr(d, '__name__', 'big')}-{n}-{i}" for i, (n, d, _) in enumerate(DAMAGE)],
)
def test_damage_is_told_calmly_in_little_memory(home, tmp_path, usual_peak, name, damage, message):
    path = tmp_path / name
    damage(path)
    for verb in ("check", "import"):
        code, said, peak = run("data", verb, str(path))
        assert code == 2, said
        assert message in said
        assert "エラー" in said and "対処" in said
        assert "Traceback" not in said and "予期しない" not in said
        assert peak < usual_peak + 150
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]
    path.unlink()


def test_lists_within_lists_do_not_grow_without_bound(home, tmp_path, usual_peak):
    path = tmp_path / "a.yaml"
    endless_aliases(path)
    code, said, peak = run("data", "check", str(path))
    assert code == 2
    assert "文字列ではありません" in said
    assert peak < usual_peak + 150


def test_an_import_that_fails_half_way_leaves_what_was_there(home, tmp_path):
    path = tmp_path / "a.jsonl"
    sound = json.dumps({"question": "問", "answer": "答"})
    target = tmp_path / "data/qa/a.jsonl"
    target.parent.mkdir(parents=True)
    target.write_text("前からのもの", encoding="utf-8")
    path.write_text(f"{sound}\n" * 1000 + "{", encoding="utf-8")
    code, said, _ = run("data", "import", str(path), "--overwrite")
    assert code == 2
    assert "1001行目" in said
    assert target.read_text("utf-8") == "前からのもの"
    assert [p.name for p in target.parent.iterdir()] == ["a.jsonl"]
