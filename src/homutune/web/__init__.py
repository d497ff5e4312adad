"""The application in the browser, on the server that speaks ``/v1``.

:func:`create_web` is handed to ``server.create_app(pages=…)``; every path but ``/v1`` and
``/healthz`` is its own. It reaches models through ``client`` only.

How to add a group of pages:

1. ``pages/<group>.py`` with ``router = APIRouter(prefix="/<group>")``; name it in
   ``pages.ROUTERS``. The menu lists all groups (``_context.MENU``); an entry appears as soon as
   its path (``@router.get("")``) is routed.
2. ``templates/<group>/<page>.html`` with ``{% extends "base.html" %}`` and the blocks ``title``
   and ``main`` (and ``main_class``: ``narrow`` or ``wide``). A file that begins with ``_`` is a
   piece for htmx; it needs ``{% import "macros.html" as ui with context %}`` of its own.
   ``macros.html`` has ``ui.csrf()`` (in every form), ``ui.field``, ``ui.fact``, ``ui.priority``,
   ``ui.verdict``, ``ui.status``, ``ui.pager``. Filters: ``day``, ``minute``, ``clock``,
   ``thousands``, ``basename``, ``loss``, ``tidy``. Classes: see ``static/style.css``; no inline
   style or script (the CSP forbids them), behaviour that htmx lacks goes to ``static/app.js``.
3. A page: ``def show(request: Request) -> Response`` (``def``, so that it runs in a thread) with
   ``web = web_of(request)``, ``user = user_of(request)``, ``return web.page(request,
   "<group>/<page>.html", …)``; after a change ``return go("/<group>/…")``; a file with
   ``download``. ``with web.client() as client:`` is the way to the model server; what belongs to a
   matter is sent by ``LegalModel`` with ``no_external`` of the matter's facts, so that 仮名化,
   budget and 外部送信禁止 hold. Long work goes to ``web.tasks.start``. ``page``'s own keyword
   ``status`` is the HTTP status.
4. Whatever belongs to one person is a matter: ``web.matters.create(user, kind, title, …)``,
   ``.get(user, kind, id)`` (404 unless it is theirs), ``.list``, ``.update``, ``.delete``,
   ``.folder``. Call the path parameter ``matter_id`` and never open a matter otherwise:
   ``tests/web/test_web_ownership.py`` tries every such route as somebody else (make one of the
   new kind in ``own_matters``). A document that somebody brings: ``_documents.keep_upload``; a
   file that a function of ``assistant`` writes: ``_documents.send_made``.

Already done for every page: sign-in and roles (閲覧 may only GET), CSRF, headers, size limits,
the audit log, and errors: raise ``UserError`` (shown with its remedy; a fragment for htmx) or
``HTTPException``. Pages for a 管理者 alone: ``dependencies=[Depends(require_admin)]``.

Tests: ``tests/web`` (``sites.Site``, ``sites.Visitor``) without a browser; ``make test-e2e`` with
one (``browser.Watched``: ``check_access`` runs axe, ``check_quiet`` sees to requests and errors).
"""

from homutune.web._accounts import ROLES, Accounts, User
from homutune.web._app import create_web

__all__ = ["ROLES", "Accounts", "User", "create_web"]
