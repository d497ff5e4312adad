"""Tracked changes: the invariants of redline, on contracts made by chance."""

import json
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

import docx
import pytest
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml import parse_xml
from docx.shared import Pt, RGBColor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.files import make_docx, save
from assistant.revisions import accept, body, by, changes, everyone, reject, words
from homutune.assistant import Edit, proposed_text, read_document, tokens, write_redline
from homutune.cli._app import run
from homutune.errors import UserError

BENCH = Path(__file__).resolve().parents[2] / "bench"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
NS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OTHER = "相手方"
SENTENCES = (
    "甲は、乙に対し、本業務の委託料として金{n},000円を支払う。",
    "乙は、{n}日以内に納入しなければならない。",
    "甲及び乙は、相手方の秘密情報を第三者に開示してはならない。",
    "本契約の有効期間は、締結の日から{n}年間とする。",
    "前項の規定にかかわらず、甲は、書面による通知により解除することができる。",
    "ただし、天災地変その他の不可抗力による場合は、この限りでない。",
    "（{n}）公知となった情報",
)
WORDS = ("同意", "60日", "直ちに", "株式会社青葉", "前条第2項", "。ただし、協議による", "及び丙")

sentences = st.builds(
    lambda form, n: form.format(n=n), st.sampled_from(SENTENCES), st.integers(1, 99)
)
#: A paragraph: sentences in runs, and what stands around it.
paragraphs = st.tuples(
    st.lists(sentences, min_size=1, max_size=3),
    st.sampled_from(["plain", "runs", "soft", "table", "theirs", "deleted", "styled", "empty"]),
    st.integers(1, 12),
)
contracts = st.lists(paragraphs, min_size=2, max_size=7)
#: What is proposed: (place as a share of the text, length, words, kind).
proposals = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 12),
        st.sampled_from(WORDS),
        st.sampled_from(["replace", "insert", "delete", "drop line", "add line", "join"]),
    ),
    min_size=1,
    max_size=4,
)


def build(path, contract):
    """A docx of the paragraphs; a header and a closing paragraph besides."""
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "業務委託契約書（案）です"
    for number, (parts, kind, cut) in enumerate(contract):
        text = "".join(parts)
        if kind == "table":
            cell = document.add_table(1, 2).cell(0, 0)
            cell.text = text
            cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        elif kind in ("theirs", "deleted"):
            tag, element = ("ins", "t") if kind == "theirs" else ("del", "delText")
            paragraph = document.add_paragraph(text)
            at = len(paragraph._p)
            paragraph._p.insert(
                at - 1 if cut % 2 else at,
                parse_xml(
                    f'<w:{tag} {NS} w:id="{900 + number}" w:author="{OTHER}"'
                    ' w:date="2026-01-01T00:00:00Z"><w:r>'
                    f"<w:{element}>相手方が加えた{text[:cut]}という文言</w:{element}>"
                    f"</w:r></w:{tag}>"
                ),
            )
        else:
            style = "List Bullet" if kind == "styled" else None
            paragraph = document.add_paragraph(text[:cut], style)
            rest = paragraph.add_run(text[cut:])
            if kind == "runs":
                rest.bold, rest.font.size = True, Pt(14)
                rest.font.color.rgb = RGBColor(0, 0, 128)
            elif kind == "soft":
                paragraph.add_run().add_break(WD_BREAK.LINE)
                paragraph.add_run(parts[0])
            elif kind == "empty":
                document.add_paragraph()
    document.add_paragraph("以上のとおり合意する。").alignment = WD_ALIGN_PARAGRAPH.RIGHT
    return save(document, path)


def propose(document, proposal):
    """Edits that do not touch each other and leave headers and the borders of tables alone."""
    body_end = next(b.start for b in document.blocks if b.kind == "ヘッダー")
    blocks = [b for b in document.blocks if b.end < body_end]
    edits = []
    for share, length, word, kind in proposal:
        number = min(int(share * len(blocks)), len(blocks) - 1)
        block = blocks[number]
        at = block.start + int((share * len(blocks) - number) * (block.end - block.start))
        at = min(at, block.end - 1)
        if kind == "drop line":
            edit = Edit(block.start, block.end, "")
        elif kind == "add line":
            edit = Edit(block.end, block.end, f"\n{word}とする。\n（2）{word}")
        elif kind == "insert":
            edit = Edit(at, at, word)
        elif kind == "delete":
            edit = Edit(at, min(at + length + 1, block.end), "")
        elif kind == "join" and number + 1 < len(blocks):
            edit = Edit(block.end - 1, blocks[number + 1].start + 1, word)
        else:
            edit = Edit(at, min(at + length + 1, block.end), word)
        if all(e.end < edit.start or edit.end < e.start for e in edits):
            edits.append(edit)
    return edits


def lines(document):
    return [line for line in document.text.split("\n") if line]


def theirs(path):
    """What the other author inserted and deleted, in order, however many marks hold it."""
    found = Counter()
    for change in changes(body(path)):
        if change.get(f"{W}author") == OTHER:
            found[(change.tag, change.get(f"{W}date"))] += len(words(change))
    return found, [words(c) for c in changes(body(path)) if c.get(f"{W}author") == OTHER]


def shapes(path):
    """For every character of the body its look, so that formatting can be compared."""
    found = []
    for element in body(path).iter(f"{W}r"):
        look = element.find(f"{W}rPr")
        shape = "" if look is None else "".join(f"{c.tag}{sorted(c.attrib.items())}" for c in look)
        found += [(char, shape) for char in words(element)]
    return found


def paragraph_looks(path):
    """The properties of every paragraph but for its mark."""
    found = []
    for paragraph in body(path).iter(f"{W}p"):
        properties = paragraph.find(f"{W}pPr")
        children = [] if properties is None else properties
        found.append([(c.tag, sorted(c.attrib.items())) for c in children if c.tag != f"{W}rPr"])
    return found


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(contracts, proposals)
def test_accepting_gives_the_proposal_and_rejecting_the_original(tmp_path, contract, proposal):
    path = build(tmp_path / "契約.docx", contract)
    document = read_document(path)
    edits = propose(document, proposal)
    target = tmp_path / "修正案.docx"
    reasons = write_redline(target, document, edits, author="法務部")
    applied = [edit for edit, reason in zip(edits, reasons, strict=True) if reason is None]
    # Only joining across the border of a table may fail, and then it says so.
    for edit, reason in zip(edits, reasons, strict=True):
        assert reason is None or ("境" in reason and "\n" in document.text[edit.start : edit.end])
    accepted = read_document(accept(target, tmp_path / "a.docx", by("法務部")))
    expected = proposed_text(document.text, applied)
    assert lines(accepted) == [line for line in expected.split("\n") if line]
    rejected = reject(target, tmp_path / "r.docx", by("法務部"))
    assert read_document(rejected).text == document.text
    # What others changed is theirs still, in place: the rejected file shows it all.
    assert theirs(rejected)[0] == theirs(path)[0]
    assert "".join(theirs(rejected)[1]) == "".join(theirs(path)[1])
    assert sum(theirs(target)[0].values()) >= sum(theirs(path)[0].values())
    assert shapes(rejected) == shapes(path)
    assert paragraph_looks(rejected) == paragraph_looks(path)
    ids = [c.get(f"{W}id") for c in changes(body(target))]
    assert len(ids) == len(set(ids))
    assert read_document(accept(target, tmp_path / "e.docx", everyone)).text


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(contracts, st.data())
def test_one_edited_word_marks_at_most_three_words(tmp_path, contract, data):
    path = build(tmp_path / "契約.docx", contract)
    document = read_document(path)
    starts, at = [], 0
    for token in tokens(document.text):
        if re.fullmatch(r"\w+", token):
            starts.append((at, token))
        at += len(token)
    start, word = data.draw(st.sampled_from(starts))
    end = start + len(word)
    new = document.text[:start] + data.draw(st.sampled_from(WORDS[:4])) + document.text[end:]
    target = tmp_path / "修正案.docx"
    # The whole text is proposed, as a person's edited copy would be.
    assert write_redline(target, document, [Edit(0, len(document.text), new)]) == [None]
    ours = [
        c
        for part in ("word/document.xml", "word/header1.xml")
        if part in zipfile.ZipFile(target).namelist()
        for c in changes(body(target, part))
        if c.get(f"{W}author") == "法務チューン"
    ]
    deleted = "".join(words(c) for c in ours if c.tag == f"{W}del")
    inserted = "".join(words(c) for c in ours if c.tag == f"{W}ins")
    assert len(tokens(deleted)) <= 3
    assert len(tokens(inserted)) <= 3


@pytest.fixture(scope="module")
def office():
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed (make test-services)")
    return program


@pytest.mark.slow
def test_libreoffice_opens_the_changes_of_both_authors(tmp_path, office):
    kinds = ("plain", "runs", "soft", "table", "theirs", "deleted", "styled", "empty")
    contract = [([SENTENCES[i % 7].format(n=i)], kind, 5) for i, kind in enumerate(kinds)]
    path = build(tmp_path / "契約.docx", contract)
    document = read_document(path)
    edits = [
        Edit(block.start + 2, block.start + 6, f"修正{index}号")
        for index, block in enumerate(document.blocks)
    ]
    end = document.blocks[0].end
    edits.append(Edit(end, end, "\n追加の段落とする。"))
    target = tmp_path / "修正案.docx"
    assert set(write_redline(target, document, edits)) == {None}
    for kind in ("odt", "pdf"):
        subprocess.run(
            [
                office,
                f"-env:UserInstallation=file://{tmp_path / 'office'}",
                *("--headless", "--convert-to", kind, "--outdir", str(tmp_path), str(target)),
            ],
            check=True,
            capture_output=True,
            timeout=180,
        )
    content = zipfile.ZipFile(tmp_path / "修正案.odt").read("content.xml").decode()
    regions = re.findall(
        r"<text:(insertion|deletion)><office:change-info><dc:creator>([^<]+)", content
    )
    # The header has one of each in a stream of its own (styles.xml).
    kept = Counter(regions)
    assert kept["insertion", "法務チューン"] >= len(edits) - 1
    assert kept["deletion", "法務チューン"] >= len(edits) - 2
    assert kept["insertion", OTHER] >= 1
    assert kept["deletion", OTHER] == 1
    assert "修正0号" in content
    assert (tmp_path / "修正案.pdf").read_bytes().startswith(b"%PDF")


@pytest.fixture
def reviewed(home, tmp_path):
    """A contract with four findings: too long, missing, lacking, and one without a sample."""
    text = (BENCH / "contracts/gyomu-itaku-1.txt").read_text("utf-8")
    text = text.replace("45日以内", "90日以内").replace("専属的合意管轄", "合意管轄")
    text = re.sub("(?m)^第12条.*\n.*\n", "", text)
    path = make_docx(tmp_path / "契約.docx", tuple(text.splitlines()))
    command = ["review", str(path), "--side", "受託者", "--json"]

    def command_with(capsys, *options):
        assert run([*command, *options]) == 0
        return json.loads(capsys.readouterr().out)

    return path, command_with


def ids(review):
    return {finding["rule"]: finding["id"] for finding in review["findings"]}


def test_adopted_wording_stands_in_the_copy_as_tracked_changes(reviewed, tmp_path, capsys):
    path, review = reviewed
    before = path.read_bytes()
    found = ids(review(capsys))
    assert {"itaku-shiharai", "hansha", "kankatsu"} <= set(found)
    target = tmp_path / "修正案.docx"
    answer = review(
        capsys,
        f"--decide={found['itaku-shiharai']}=修正:甲は、納入の日から60日以内に委託料を支払う。",
        f"--decide={found['hansha']}=採用",
        f"--decide={found['kankatsu']}=採用",
        f"--redline={target}",
        "--author=法務部",
    )
    assert {item["applied"] for item in answer["redline"]} == {True}
    assert path.read_bytes() == before
    text = read_document(target).text
    assert "\n2　甲は、納入の日から60日以内に委託料を支払う。" in text
    assert "90日以内" not in text
    # The clause that lacks a word gets a second paragraph; the missing one a number of its own.
    assert re.search("合意管轄裁判所とする。\n２　本契約に関する一切の紛争", text)
    last = max(map(int, re.findall("(?m)^第([0-9]+)条", read_document(path).text)))
    assert f"\n第{last + 1}条（反社会的勢力の排除）\n甲及び乙は、自己及び" in text
    assert {c.get(f"{W}author") for c in changes(body(target))} == {"法務部"}
    assert read_document(reject(target, tmp_path / "r.docx")).text == read_document(path).text


def test_what_is_not_applied_is_said(reviewed, tmp_path, capsys):
    path, review = reviewed
    found = ids(review(capsys))
    target = tmp_path / "修正案.docx"
    answer = review(
        capsys,
        f"--decide={found['itaku-shiharai']}=修正",
        f"--decide={found['hansha']}=却下",
        f"--redline={target}",
    )
    assert [(i["applied"], i["reason"]) for i in answer["redline"]] == [
        (False, "修正の文言がありません")
    ]
    assert not changes(body(target))
    assert run(["review", str(path), "--side", "受託者", f"--redline={target}"]) == 0
    said = capsys.readouterr()
    assert "反映していません" in said.err + said.out


def test_a_copy_is_made_only_of_an_unchanged_word_file(reviewed, tmp_path, capsys):
    path, _ = reviewed
    command = ["review", str(path), "--side", "受託者"]
    assert run([*command, "--redline", str(path)]) == 2
    assert run([*command, "--redline", "a.pdf"]) == 2
    plain = tmp_path / "契約.txt"
    plain.write_text(read_document(path).text, encoding="utf-8")
    assert run(["review", str(plain), "--side", "受託者", "--redline", "b.docx"]) == 2
    assert "docx の契約書からだけ" in capsys.readouterr().err
    document = read_document(path)
    make_docx(path)
    with pytest.raises(UserError, match="契約書が変わりました"):
        write_redline(tmp_path / "c.docx", document, [Edit(0, 1, "新")])
    assert not list(tmp_path.glob("[abc].*"))


def test_footnotes_pictures_and_automatic_numbers_are_left_whole(tmp_path):
    document = docx.Document()
    paragraph = document.add_paragraph("甲は、費用を")
    run_ = paragraph.add_run("負担")
    run_._r.append(parse_xml(f"<w:drawing {NS}/>"))
    run_._r.append(parse_xml(f'<w:t {NS} xml:space="preserve">する。</w:t>'))
    document.add_paragraph("費用の詳細を定める。", "List Number")
    path = save(document, tmp_path / "a.docx")
    read = read_document(path)
    target = tmp_path / "b.docx"
    start = read.text.index("費用")
    assert write_redline(target, read, [Edit(start, start + 7, "報酬を支払う")]) == [None]
    accepted = accept(target, tmp_path / "c.docx")
    assert read_document(accepted).text.startswith("甲は、報酬を支払う。")
    assert len(list(body(accepted).iter(f"{W}drawing"))) == 1
    block = read.blocks[1]
    assert read.text[block.start] == "1"
    assert write_redline(target, read, [Edit(block.start, block.start + 2, "2.")]) == [
        "Word の自動番号は書き換えられません"
    ]


def test_edits_of_one_place_do_not_both_pass(tmp_path):
    document = read_document(make_docx(tmp_path / "a.docx"))
    edits = [Edit(3, 9, "甲"), Edit(5, 7, "乙"), Edit(20, 20, "丙")]
    reasons = write_redline(tmp_path / "b.docx", document, edits)
    assert reasons == [None, "ほかの修正と同じ箇所です", None]
