"""What is said of a citation, and that it never claims more than the data can tell."""

import pytest

from homutune.law import LawStore, Verdict, check_citation, extract_citations, parse_law
from statutes import statute

SURE, UNSURE = Verdict.CONFIRMED, Verdict.UNSURE
MISSING, OUTDATED = Verdict.MISSING, Verdict.OUTDATED


def check(text, store=None):
    (citation,) = extract_citations(text)
    return check_citation(citation, store)


@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        ("民法415条1項", SURE, "条と項があります"),
        ("会社法362条4項6号", SURE, "項と号は未照合"),  # no paragraph counts in the data
        ("民法415条5項", UNSURE, "2項まで"),
        # A branch or the end of a law may have been added since the data date.
        ("民法415条の9", UNSURE, "その後の改正"),
        ("民法1051条", UNSURE, "データ基準日 2026-02-08"),
        ("民法9999条", MISSING, "最後は第1050条"),
        ("民法1050条の2", UNSURE, "その後の改正"),
        ("民法3000条の2", MISSING, "ありません"),
        ("民法208条", MISSING, "削除"),
        ("民法819条", SURE, "2026-04-01 施行の改正"),
        ("失火責任法1条", UNSURE, "条に分かれていません"),
        ("会社法附則2条", UNSURE, "附則は索引の対象外"),
        ("架空取引規制法3条", MISSING, "現行法令 8,955 件にありません"),
        ("租税特別措置法66条の4", UNSURE, "収録されていません"),
        ("東京都暴力団排除条例24条", UNSURE, "条例は索引の対象外"),
        ("ドイツ民法276条", UNSURE, "外国の法令"),
        ("民法の一部を改正する法律附則17条", UNSURE, "改正法は索引の対象外"),
        ("旧民法570条", OUTDATED, "改正前の民法"),
        ("有限会社法19条", OUTDATED, "会社法"),
        ("下請法施行令1条", OUTDATED, "政令・規則の題名も変わっています"),
        ("旧日本占領地域に本店を有する会社の本邦内にある財産の整理に関する政令19条", SURE, "条が"),
        ("簡易生命保険法5条", OUTDATED, "現行法令にありません"),
    ],
)
def test_verdicts(text, verdict, reason):
    finding = check(text)
    assert finding.verdict is verdict
    assert reason in finding.reason
    assert bool(finding.remedy) is (verdict is not SURE)


@pytest.mark.parametrize(
    ("old", "now"),
    [
        ("下請法2条の2第1項", "取適法3条"),
        ("下請法3条", "取適法4条"),
        ("下請法4条1項3号", "取適法5条"),
        ("下請法4条2項2号", "取適法5条1項2号"),
        ("下請代金支払遅延等防止法第四条の二", "取適法6条"),
        ("旧下請法9条", "取適法12条"),
        ("下請法12条", "取適法16条"),
    ],
)
def test_an_article_of_the_old_subcontract_act_is_led_to_its_new_number(old, now):
    finding = check(old)
    assert finding.verdict is OUTDATED
    assert finding.now == now
    assert now in finding.remedy
    assert finding.law.law_id == "331AC0000000120"


def test_an_article_the_old_law_never_had_is_missing():
    assert check("下請法13条").verdict is MISSING


def test_an_old_number_under_the_new_name_is_recognised():
    finding = check("取適法2条の2")
    assert finding.verdict is UNSURE
    assert "取適法では第3条" in finding.reason


def test_where_numbers_were_not_compared_no_new_number_is_invented():
    finding = check("プロバイダ責任制限法4条")
    assert (finding.verdict, finding.now) == (OUTDATED, None)
    assert "自動では分かりません" in finding.remedy


def test_a_title_that_two_laws_share_is_confirmed_by_the_one_that_has_the_article():
    # 日本学術会議法 of 1948 (30 articles) and of 2025 (26 articles).
    assert check("日本学術会議法30条").verdict is SURE


def test_a_text_newer_than_the_index_decides_down_to_the_item(tmp_path):
    store = LawStore(tmp_path)
    store.put(parse_law(statute("商法", "132AC0000000048"), name="a.xml", as_of="2026-11-01"))
    assert check("商法1条2項1号", store).verdict is SURE
    assert check("商法1条2項3号", store).verdict is MISSING
    assert check("商法1条3項", store).verdict is MISSING
    assert check("商法526条", store).verdict is MISSING
    assert check("商法2条", store).verdict is MISSING  # deleted there
    assert check("商法附則1条", store).verdict is SURE
    assert check("商法1条", store).data_date == "2026-11-01"


@pytest.mark.parametrize("as_of", ["", "2023-06-14"])
def test_a_text_that_may_be_older_than_the_index_decides_nothing(tmp_path, as_of):
    store = LawStore(tmp_path)
    store.put(parse_law(statute("商法", "132AC0000000048"), name="a.xml", as_of=as_of))
    assert check("商法526条", store).verdict is SURE
