"""A small law in 法令標準XML, of our own making, as e-Gov would send it."""

_LAW = """<?xml version="1.0" encoding="UTF-8"?>
{before}<Law Era="Meiji" Year="32" Num="48" LawType="Act" Lang="ja">
  <LawNum>{law_num}</LawNum>
  <LawBody>
    <LawTitle>{title}</LawTitle>
    <MainProvision>
      <Chapter Num="1">
        <ChapterTitle>第一章　総則</ChapterTitle>
        <Article Num="1">
          <ArticleCaption>（見<Ruby>本<Rt>ほん</Rt></Ruby>の目的）</ArticleCaption>
          <ArticleTitle>第一条</ArticleTitle>
          <Paragraph Num="1"><ParagraphNum/>
            <ParagraphSentence><Sentence>{first}</Sentence></ParagraphSentence>
          </Paragraph>
          <Paragraph Num="2"><ParagraphNum>２</ParagraphNum>
            <ParagraphSentence><Sentence>見本の要件は次のとおり。</Sentence></ParagraphSentence>
            <Item Num="1"><ItemTitle>一</ItemTitle>
              <ItemSentence>
                <Column><Sentence>甲欄</Sentence></Column>
                <Column><Sentence>乙欄</Sentence></Column>
              </ItemSentence>
              <Subitem1 Num="1"><Subitem1Title>イ</Subitem1Title>
                <Subitem1Sentence><Sentence>細目</Sentence></Subitem1Sentence>
              </Subitem1>
            </Item>
            <Item Num="1_2"><ItemTitle>一の二</ItemTitle>
              <ItemSentence><Sentence>枝の号</Sentence></ItemSentence></Item>
          </Paragraph>
        </Article>
        <Article Num="2:4"><ArticleTitle>第二条から第四条まで</ArticleTitle>
          <Paragraph Num="1"><ParagraphNum/>
            <ParagraphSentence><Sentence>削除</Sentence></ParagraphSentence></Paragraph>
        </Article>
        <Article Num="4_2"><ArticleTitle>第四条の二</ArticleTitle>
          <Paragraph Num="1"><ParagraphNum/>
            <ParagraphSentence><Sentence>枝番の条。</Sentence></ParagraphSentence></Paragraph>
        </Article>
      </Chapter>
    </MainProvision>
    <SupplProvision><SupplProvisionLabel>附　則</SupplProvisionLabel>
      <Article Num="1"><ArticleTitle>第一条</ArticleTitle>
        <Paragraph Num="1"><ParagraphNum/>
          <ParagraphSentence><Sentence>施行の日。</Sentence></ParagraphSentence></Paragraph>
      </Article>
    </SupplProvision>
    <SupplProvision AmendLawNum="平成二十九年法律第四十五号">
      <Article Num="9"><ArticleTitle>第九条</ArticleTitle>
        <Paragraph Num="1"><ParagraphNum/>
          <ParagraphSentence><Sentence>改正法の附則。</Sentence></ParagraphSentence></Paragraph>
      </Article>
    </SupplProvision>
  </LawBody>
</Law>{after}
"""
_ENVELOPE = """<law_data_response>
  <attached_files_info/>
  <law_info><law_type>Act</law_type><law_id>{law_id}</law_id><law_num>{law_num}</law_num></law_info>
  <revision_info>
    <law_revision_id>{law_id}_20260401_507AC0000000062</law_revision_id>
    <law_title>{title}</law_title>
    <amendment_enforcement_date>2026-04-01</amendment_enforcement_date>
  </revision_info>
  <law_full_text>"""


def statute(
    title: str,
    law_id: str = "",
    *,
    law_num: str = "明治三十二年法律第四十八号",
    first: str = "見本である。",
) -> bytes:
    """A law; with ``law_id`` in the envelope in which the API sends it."""
    before = _ENVELOPE.format(law_id=law_id, law_num=law_num, title=title) if law_id else ""
    after = "</law_full_text></law_data_response>" if law_id else ""
    return _LAW.format(
        before=before, after=after, law_num=law_num, title=title, first=first
    ).encode("utf-8")
