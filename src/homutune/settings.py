"""All settings, from ``homutune.toml``, ``.env`` and the environment; nothing else reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from homutune.errors import UserError

DEFAULT_PORT = 8400
#: A request that carries it (value 1) must not leave the machine of the server that gets it.
NO_EXTERNAL_HEADER = "x-homutune-no-external"


def is_loopback(url: str) -> bool:
    """Whether ``url`` names this machine itself, by address or as localhost."""
    try:
        # Not cut out by hand: http://127.0.0.1:80@example.com/ is a host elsewhere.
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return host in {"127.0.0.1", "localhost", "::1"}


class Upstream(BaseModel):
    """An OpenAI-compatible server that answers for some of our models.

    ``models`` maps the names used here to the names used there; a list stands for equal names.
    """

    url: HttpUrl
    models: dict[str, str]
    api_key: SecretStr | None = None

    @field_validator("models", mode="before")
    @classmethod
    def _equal_names(cls, value: object) -> object:
        return {name: name for name in value} if isinstance(value, list) else value


class Settings(BaseSettings):
    """Environment variables start with ``HOMUTUNE_``; the environment wins over the files."""

    model_config = SettingsConfigDict(
        env_prefix="HOMUTUNE_",
        env_file=".env",
        env_file_encoding="utf-8",
        toml_file="homutune.toml",
        extra="ignore",
        populate_by_name=True,
    )

    home: Path = Field(default_factory=lambda: user_data_path("homutune", appauthor=False))
    base_url: str = f"http://127.0.0.1:{DEFAULT_PORT}/v1"
    # OPENAI_API_KEY is read only because base_url may point to OpenAI; the local server
    # on loopback takes any key.
    api_key: SecretStr = Field(
        default=SecretStr("local"),
        validation_alias=AliasChoices("HOMUTUNE_API_KEY", "OPENAI_API_KEY"),
    )
    # What our own server demands on any address but loopback. Never OPENAI_API_KEY: a key bought
    # elsewhere must not open this server.
    server_api_key: SecretStr | None = None
    base_model: str = "gemma3-270m"
    # A judge may live elsewhere than the models it judges.
    judge_base_url: str | None = None
    judge_api_key: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=DEFAULT_PORT, ge=1, le=65535)
    database_url: str | None = None
    # Asked only by homutune law update; a mirror inside the company is another address.
    law_api_url: str = "https://laws.e-gov.go.jp/api/2"
    threads: int | None = Field(default=None, ge=1)
    # Cards are also found by what a question means, where the embedding model is installed.
    search_by_meaning: bool = True
    # The log on stderr: lines for people, or one JSON object a line.
    log_format: Literal["text", "json"] = "text"
    # Gigabytes training may use; None: all of the machine.
    memory_limit_gb: float | None = Field(default=None, gt=0)
    # Where jobs are trained; with ray, ray_storage is reached by all its machines.
    runner: Literal["local", "ray"] = "local"
    ray_address: str = "auto"
    ray_workers: int = Field(default=2, ge=1)
    ray_storage: str | None = None
    # 外部送信禁止: no model anywhere but on this machine is ever asked.
    no_external: bool = False
    # Names of our own for models, and the models asked where one has disappeared.
    model_aliases: dict[str, str] = {}
    fallback_models: list[str] = []
    # Yen that may be spent on models in a calendar month (UTC), by the log of this home.
    monthly_budget_jpy: float | None = Field(default=None, ge=0)
    # The log of calls keeps questions and answers too.
    log_contents: bool = False
    # Chats for these models leave this server; nothing is sent anywhere unless named here.
    upstreams: list[Upstream] = []

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, ``.env``, ``homutune.toml``."""
        return (
            init_settings,
            env_settings,
            dotenv_settings,
            TomlConfigSettingsSource(settings_cls),
        )

    @property
    def for_judge(self) -> Settings:
        """The settings with which a judge is reached: its own address and key where given.

        A key of another address is never sent to the judge's.
        """
        changed: dict[str, object] = {}
        if self.judge_base_url:
            changed = {"base_url": self.judge_base_url, "api_key": SecretStr("local")}
        if self.judge_api_key:
            changed["api_key"] = self.judge_api_key
        return self.model_copy(update=changed)

    @property
    def server_key(self) -> str:
        """The key our server demands, "" where it demands none."""
        return self.server_api_key.get_secret_value() if self.server_api_key else ""

    @property
    def is_local(self) -> bool:
        """Whether models are reached on this machine; our own server may pass a question on."""
        return is_loopback(self.base_url)

    @property
    def stays_inside(self) -> bool:
        """Whether no text leaves this machine for a model, our own server's upstreams included."""
        return self.no_external or (self.is_local and not self.upstreams)


def load_settings(**overrides: object) -> Settings:
    """Read the settings afresh.

    Raises:
        UserError: a value cannot be used.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        raise UserError(
            f"設定 {name} の値が正しくありません（{first['msg']}）。",
            remedy="homutune.toml・.env・環境変数 HOMUTUNE_* を確認してください。",
        ) from None
    except ValueError as error:  # broken TOML
        raise UserError(
            f"設定ファイルを読めません（{error}）。",
            file="homutune.toml",
            remedy="TOML の書式を直してください。",
        ) from None
