"""Who uses the application: users, passwords, sessions, and how often a password may be tried."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from homutune.errors import UserError
from homutune.server import SessionRow, Store, UserRow, new_id

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Role = Literal["管理者", "法務", "閲覧"]
#: What each role may do: everything and other users; everything of one's own; look.
ROLES: tuple[Role, ...] = ("管理者", "法務", "閲覧")
MAX_NAME = 64
MIN_PASSWORD = 12
MAX_PASSWORD = 1000
SESSION_S = 12 * 3600
#: Wrong passwords for one name, or from one address, within ``WINDOW_S``.
MAX_FAILURES = 5
MAX_FAILURES_ADDRESS = 20
WINDOW_S = 900

#: A verification takes 64 MB; strangers must not be able to ask for many at once.
_AT_ONCE = threading.Semaphore(2)


@dataclass(frozen=True, slots=True)
class User:
    """A person as the pages know them."""

    id: str
    name: str
    role: Role
    active: bool = True
    created_at: int = 0

    @property
    def may_write(self) -> bool:
        """Whether they may change anything."""
        return self.role != "閲覧"

    @property
    def is_admin(self) -> bool:
        """Whether they may manage users and connections."""
        return self.role == "管理者"


#: The one user of a server that only this machine reaches.
LOCAL_USER = User("local", "このパソコンの利用者", "管理者")


class Accounts:
    """Users and their sessions in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failures = _Failures()

    def add(self, name: str, password: str, role: str = "法務") -> User:
        """Make a user, or give a disabled one a new password and role.

        Raises:
            UserError: the name, password or role cannot be used, or the user is active.
        """
        name = name.strip()
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise UserError(f"名前は 1〜{MAX_NAME} 文字で指定してください。")
        if role not in ROLES:
            raise UserError(
                f"役割「{role}」はありません。", remedy=f"使える役割: {'・'.join(ROLES)}"
            )
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise UserError(
                f"パスワードは {MIN_PASSWORD} 文字以上にしてください。",
                remedy="覚えやすい単語を 4 つほど並べると、長くて強いパスワードになります。",
            )
        row = self._row(name)
        if row is not None and row.status == "active":
            raise UserError(
                f"利用者 {name} は既にいます。",
                remedy="パスワードを変えるときは、先に homutune user disable を実行してください。",
            )
        hashed = _hasher().hash(password)
        if row is not None:
            self._store.change(UserRow, row.id, status="active", role=role, password_hash=hashed)
            return _shown(self._store.get(UserRow, row.id) or row)
        row = UserRow(
            id=new_id("user_", 12),
            created_at=int(time.time()),
            status="active",
            name=name,
            role=role,
            password_hash=hashed,
        )
        self._store.add(row)
        return _shown(row)

    def list(self) -> list[User]:
        """All users, the oldest first, disabled ones too."""
        rows, _ = self._store.page(UserRow, limit=100_000, ascending=True)
        return [_shown(row) for row in rows]

    def disable(self, name: str) -> User:
        """Lock a user out, at once, also of sessions that run; what they made stays.

        Raises:
            UserError: there is no such active user, or it is the last 管理者.
        """
        row = self._row(name.strip())
        if row is None or row.status != "active":
            raise UserError(
                f"有効な利用者 {name} はいません。",
                remedy="homutune user list で確認してください。",
            )
        admins = [user for user in self.list() if user.active and user.is_admin]
        others = [user for user in self.list() if user.active and user.id != row.id]
        if others and [user.id for user in admins] == [row.id]:
            raise UserError(
                f"{name} は最後の管理者です。",
                remedy="先に別の管理者を作ってください（homutune user add 名前 --role 管理者）。",
            )
        self._store.change(UserRow, row.id, status="disabled")
        for session in self._store.page(
            SessionRow, limit=100_000, where=[SessionRow.user_id == row.id]
        )[0]:
            self._store.delete(SessionRow, session.id)
        return _shown(row)

    def sign_in(self, name: str, password: str, address: str) -> tuple[User, str]:
        """The user and the secret for their cookie.

        Raises:
            UserError: wrong name or password, or tried too often.
        """
        keys = (("name", name[:MAX_NAME], MAX_FAILURES), ("at", address, MAX_FAILURES_ADDRESS))
        if wait := max(self._failures.wait(*key) for key in keys):
            raise UserError(
                "サインインの失敗が続いたため、しばらく受け付けません。",
                remedy=f"{wait // 60 + 1} 分ほど待ってから、もう一度試してください。",
            )
        row = self._row(name.strip())
        known = row is not None and row.status == "active"
        # An unknown name takes as long as a wrong password, so that neither can be told.
        matches = _matches(row.password_hash if row and known else _nobody(), password)
        if row is None or not (known and matches):
            for kind, value, _ in keys:
                self._failures.add(kind, value)
            raise UserError(
                "名前かパスワードが違います。",
                remedy="入力を確かめてください。忘れたときは管理者に作り直してもらってください。",
            )
        self._failures.forget("name", name[:MAX_NAME])
        secret = secrets.token_urlsafe(32)
        now = int(time.time())
        self._store.add(
            SessionRow(
                id=session_id(secret), created_at=now, user_id=row.id, expires_at=now + SESSION_S
            )
        )
        for old in self._store.page(SessionRow, limit=1000, where=[SessionRow.expires_at < now])[0]:
            self._store.delete(SessionRow, old.id)
        return _shown(row), secret

    def user_of(self, secret: str) -> User | None:
        """Whose cookie this is, if their session still runs."""
        session = self._store.get(SessionRow, session_id(secret))
        if session is None or session.expires_at < time.time():
            return None
        row = self._store.get(UserRow, session.user_id)
        return _shown(row) if row is not None and row.status == "active" else None

    def sign_out(self, secret: str) -> None:
        """End the session of this cookie."""
        self._store.delete(SessionRow, session_id(secret))

    def _row(self, name: str) -> UserRow | None:
        rows, _ = self._store.page(UserRow, limit=1, where=[UserRow.name == name])
        return rows[0] if rows else None


class _Failures:
    """Wrong passwords of the last minutes; they are forgotten when the server ends."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, kind: str, value: str) -> None:
        with self._lock:
            if len(self._times) > 10_000:  # names that somebody makes up
                self._times.clear()
            self._times[kind, value].append(time.monotonic())

    def wait(self, kind: str, value: str, most: int) -> int:
        """Seconds until another try is allowed."""
        begin = time.monotonic() - WINDOW_S
        with self._lock:
            recent = [t for t in self._times.get((kind, value), ()) if t > begin]
            if recent:
                self._times[kind, value] = recent
        return int(recent[-most] - begin) + 1 if len(recent) >= most else 0

    def forget(self, kind: str, value: str) -> None:
        with self._lock:
            self._times.pop((kind, value), None)


def session_id(secret: str) -> str:
    """What the database keeps of a cookie."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _matches(hashed: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        with _AT_ONCE:
            return _hasher().verify(hashed, password[: MAX_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    # The library's defaults: Argon2id as RFC 9106 recommends for little memory.
    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def _shown(row: UserRow) -> User:
    role: Role = next((known for known in ROLES if known == row.role), "閲覧")
    return User(row.id, row.name, role, row.status == "active", row.created_at)
