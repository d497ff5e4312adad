"""What one user works on does not exist for another: on every route, and in every list."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from assistant.files import make_docx
from homutune.web import pages
from web.sites import Site, Visitor, add_users
from web.test_web_drafting import answers

ROUTES = [
    (method, route.path)
    for router in pages.ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and "{matter_id}" in route.path
    for method in sorted(route.methods)
]
#: Values for the other parameters of a path; a new one must be named here.
OTHERS = {"finding_id": "", "number": "1", "suffix": ".docx"}


@pytest.fixture
def site(start: Callable[..., Site]) -> Site:
    made = start(host="0.0.0.0")
    add_users(made.home, 山田="法務", 佐藤="管理者")
    return made


def own_matters(one: Visitor, tmp_path: Path) -> dict[str, str]:
    """One of every kind, made by ``one``: path of its group -> its id."""
    contract = make_docx(tmp_path / "極秘の契約書.docx").read_bytes()
    made = one.post("/review/upload", files={"file": ("極秘の契約書.docx", contract)})
    review = re.search(r"/review/(m_\w+)", str(made.url))
    assert review, made.text
    choice = {"choice": "nda/受領側", "dispute": "no"}
    page = one.post(f"/review/{review[1]}/setup", choice)
    finding = re.search(r"card-([0-9a-f]{8})", page.text)
    assert finding, page.text
    OTHERS["finding_id"] = finding[1]
    chat = one.post("/ask", {"question": "極秘の買収は？"})
    table = "質問,回答\n" + "".join(f"極秘の質問{i},答え{i}\n" for i in range(12))
    data = one.post("/data/upload", files={"file": ("極秘.csv", table.encode())})
    risk = one.post("/risk/upload", files={"file": ("極秘の契約書.docx", contract)})
    one.post(f"{risk.url.path}/setup", choice)
    ids = {
        "/review": review[1],
        "/risk": risk.url.path.split("/")[2],
        "/ask": chat.url.path.split("/")[2],
    }
    memo = one.post("/drafting/new/memo", answers("memo", **{"field-subject": "極秘の件"}))
    ids["/drafting"] = memo.url.path.split("/")[2]
    ids["/data"] = data.url.path.split("/")[3]
    one.post(
        f"/data/imports/{ids['/data']}/columns", {"column-0": "question", "column-1": "answer"}
    )
    return ids


def test_every_kind_of_matter_has_routes() -> None:
    assert {path.split("/")[1] for _, path in ROUTES} >= {
        "review",
        "risk",
        "drafting",
        "ask",
        "data",
    }


def test_no_route_shows_another_users_matter(
    site: Site, visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    one, other, nobody = visit(site), visit(site), visit(site)
    one.sign_in("山田")
    other.sign_in("佐藤")
    ids = own_matters(one, tmp_path)
    token = other.token()
    for method, path in ROUTES:
        group = f"/{path.split('/')[1]}"
        # The settings know the matters of every kind.
        values = {**OTHERS, "matter_id": ids.get(group, ids["/ask"])}
        real = path.format(**values)
        data = {"choice": "採用", "question": "質問", "forbidden": "true", "csrf": token}
        data["do"] = "save"
        answer = other.http.request(method, real, data=data if method == "POST" else None)
        assert answer.status_code == 404, (method, real, answer.status_code)
        assert "極秘" not in answer.text
        for_nobody = nobody.http.request(method, real)
        assert for_nobody.status_code == 401 or for_nobody.url.path == "/login", (method, real)
    for group, matter_id in ids.items():
        assert "極秘" in one.get(group).text and "極秘" not in other.get(group).text
        assert "極秘" not in other.get("/").text
        shown = f"/data/imports/{matter_id}" if group == "/data" else f"{group}/{matter_id}"
        assert one.get(shown).status_code == 200, "the other's attempts have left it alone"


def test_a_matter_of_one_kind_is_not_found_under_another(
    site: Site, visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    one = visit(site)
    one.sign_in("山田")
    ids = own_matters(one, tmp_path)
    assert one.get(f"/ask/{ids['/review']}").status_code == 404
    assert one.get(f"/review/{ids['/ask']}").status_code == 404
    assert one.get(f"/data/imports/{ids['/ask']}").status_code == 404


def test_deleting_a_matter_leaves_nothing_behind(
    site: Site, visit: Callable[[Site], Visitor], tmp_path: Path
) -> None:
    one = visit(site)
    one.sign_in("山田")
    ids = own_matters(one, tmp_path)
    for group, matter_id in ids.items():
        base = f"/data/imports/{matter_id}" if group == "/data" else f"{group}/{matter_id}"
        assert (site.home / "matters" / matter_id).is_dir()
        assert one.post(f"{base}/delete").url.path == group
        assert one.get(base).status_code == 404
    assert not list((site.home / "matters").iterdir())
