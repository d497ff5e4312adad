"""設定・接続先とモデル: for a 管理者; keys go in and never come out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from homutune.errors import UserError
from homutune.settings import is_loopback
from homutune.web._connections import (
    NO_KEY,
    VARIABLES,
    fixed_by_environment,
    read_aliases,
    save_connections,
)
from homutune.web._context import go, web_of
from homutune.web._security import require_admin

router = APIRouter(prefix="/settings/connections", dependencies=[Depends(require_admin)])
_SHOWN = 4


@router.get("")
def index(request: Request) -> Response:
    """What is reached where; of a key only its end."""
    web = web_of(request)
    settings = web.settings
    problem, models = None, []
    try:
        with web.client() as client:
            models = [model.id for model in client.models.list().data]
    except UserError as error:
        problem = error
    judge = settings.judge_api_key
    return web.page(
        request,
        "settings/connections.html",
        settings=settings,
        own=web.is_own,
        key="" if web.is_own else _end(settings.api_key.get_secret_value()),
        judge_key=_end(judge.get_secret_value()) if judge else "",
        upstreams=[
            (str(u.url), list(u.models), _end(u.api_key.get_secret_value()) if u.api_key else "")
            for u in settings.upstreams
        ],
        fixed=fixed_by_environment(),
        variables=VARIABLES,
        models=models,
        problem=problem,
    )


@router.post("")
def save(
    request: Request,
    base_url: Annotated[str, Form(max_length=500)] = "",
    api_key: Annotated[str, Form(max_length=1000)] = "",
    judge_base_url: Annotated[str, Form(max_length=500)] = "",
    judge_api_key: Annotated[str, Form(max_length=1000)] = "",
    base_model: Annotated[str, Form(max_length=200)] = "",
    model_aliases: Annotated[str, Form(max_length=20_000)] = "",
    no_external: Annotated[bool, Form()] = False,
) -> Response:
    """Keep what was changed; an empty key leaves the old one, unless the address is new."""
    web = web_of(request)
    settings = web.settings
    changes: dict[str, object] = {}
    for name, url, key in (
        ("", base_url.strip(), api_key.strip()),
        ("judge_", judge_base_url.strip(), judge_api_key.strip()),
    ):
        # An empty field is one that the environment decides, or no judge of its own.
        if url and url != (getattr(settings, f"{name}base_url") or ""):
            _check_address(url)
            changes[f"{name}base_url"] = url
            # A key of one address is never sent to another.
            changes[f"{name}api_key"] = NO_KEY
        if key:
            changes[f"{name}api_key"] = key
    if "api_key" in changes and "base_url" not in changes and web.is_own:
        raise UserError(
            "このサーバー自身のモデルを使うときは、鍵は要りません。",
            remedy="鍵の欄を空にするか、接続先を変えてください。",
        )
    if base_model.strip() and base_model.strip() != settings.base_model:
        changes["base_model"] = base_model.strip()
    if (aliases := read_aliases(model_aliases)) != settings.model_aliases:
        changes["model_aliases"] = aliases
    if no_external != settings.no_external and "no_external" not in fixed_by_environment():
        changes["no_external"] = no_external
    if changes:
        save_connections(settings, changes)
    return go("/settings/connections")


def _check_address(url: str) -> None:
    """Keys and questions go over the network enciphered, or stay on this machine."""
    if not (url.startswith("https://") or (url.startswith("http://") and is_loopback(url))):
        raise UserError(
            "接続先は https:// で始まるアドレスにしてください。",
            remedy="このパソコンの中のサーバーだけは、http://127.0.0.1:8400/v1 の形で使えます。",
        )


def _end(key: str) -> str:
    """The last four characters of a key that is long enough to keep them secret."""
    if key in ("", NO_KEY):
        return ""
    return f"…{key[-_SHOWN:]}" if len(key) >= 4 * _SHOWN else "設定済み"
