"""The client of 法令API Version 2 against a real server that answers as e-Gov does."""

from datetime import date

import pytest

from homutune.errors import UserError
from homutune.law.egov import EGovClient
from scripted import Reply
from statutes import statute

COMMERCE = "132AC0000000048"
PATH = f"/law_data/{COMMERCE}"
XML = {"content-type": "application/xml"}


@pytest.fixture
def client(scripted_server):
    return EGovClient(scripted_server.base_url, pause=0.01, timeout=5)


def test_a_law_is_fetched_as_xml_and_nothing_else_is_sent(client, scripted_server):
    scripted_server.routes["GET", PATH] = Reply(statute("商法", COMMERCE), headers=XML)
    law = client.fetch(COMMERCE)
    assert (law.law_id, law.title, law.as_of) == (COMMERCE, "商法", date.today().isoformat())
    (request,) = scripted_server.requests
    assert request.path.endswith(f"{PATH}?response_format=xml&law_full_text_format=xml")
    assert request.body == b""
    assert request.headers["User-Agent"].startswith("homutune/")


def test_a_busy_server_is_asked_again_after_the_time_it_names(client, scripted_server):
    replies = iter(
        [
            Reply({"code": "429000", "message": "混雑"}, 429, {"retry-after": "0"}),
            Reply({"code": "500001", "message": "異常"}, 503),
            Reply(statute("商法", COMMERCE), headers=XML),
        ]
    )
    scripted_server.routes["GET", PATH] = lambda _: next(replies)
    assert client.fetch(COMMERCE).title == "商法"
    assert len(scripted_server.requests) == 3


@pytest.mark.parametrize(
    ("reply", "message", "requests"),
    [
        (
            Reply({"code": "404001", "message": "法令が存在しません。"}, 404),
            "法令が存在しません",
            1,
        ),
        (Reply({"code": "429000", "message": "混雑"}, 429, {"retry-after": "0"}), "混み合って", 3),
        (Reply(b"<html>maintenance</html>", 500), "HTTP 500", 3),
        (Reply(b"<html>login</html>"), "法令標準XMLとして読めません", 1),
        (Reply(statute("民法", "129AC0000000089"), headers=XML), "別の法令", 1),
        (Reply(b"", 302, {"location": "http://example.invalid/"}), "HTTP 302", 1),
    ],
)
def test_a_refusal_is_told_calmly_with_a_way_out(client, scripted_server, reply, message, requests):
    scripted_server.routes["GET", PATH] = reply
    with pytest.raises(UserError, match=message) as error:
        client.fetch(COMMERCE)
    assert error.value.remedy
    assert len(scripted_server.requests) == requests


def test_without_a_connection_the_offline_way_is_named(client, scripted_server):
    scripted_server.stop()
    with pytest.raises(UserError, match="接続できません") as error:
        client.fetch(COMMERCE)
    assert "homutune law import" in error.value.remedy


@pytest.mark.parametrize("url", ["file:///etc/passwd", "laws.e-gov.go.jp", "", "https://"])
def test_only_web_addresses_are_taken(url):
    with pytest.raises(UserError, match="URL"):
        EGovClient(url)
