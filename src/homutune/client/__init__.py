"""The one way to a model: OpenAI's API through the official SDK, with Japanese errors.

:class:`LegalModel` is what everybody uses to ask; :func:`connect` gives the bare client for
files and jobs.
"""

from homutune.client._budget import Budget
from homutune.client._call_log import Call, CallLog, Total
from homutune.client._closing import HOSTED_CLOSING, ClosingDate
from homutune.client._connect import connect, connect_async
from homutune.client._conversations import (
    Conversation,
    ConversationStore,
    Saved,
    Turn,
    extract_summary,
)
from homutune.client._errors import (
    BadReply,
    BadRequest,
    BudgetExceeded,
    CircuitOpen,
    ExternalSendForbidden,
    KeyRejected,
    ModelError,
    ModelNotFound,
    NotAllowed,
    NotFound,
    QuotaExhausted,
    RateLimited,
    ServerFault,
    TimedOut,
    TooLarge,
    Unreachable,
    friendly_errors,
)
from homutune.client._formats import markdown_table
from homutune.client._legal_model import LegalModel
from homutune.client._retry import CircuitBreaker, Retry
from homutune.client._streams import AsyncReplyStream, ReplyStream
from homutune.client._types import (
    FORMS,
    Askable,
    ChatMessage,
    CitedArticle,
    Form,
    Knowledge,
    Options,
    Price,
    RegisteredModel,
    Reply,
    Table,
    Usage,
)

__all__ = [
    "FORMS",
    "HOSTED_CLOSING",
    "Askable",
    "AsyncReplyStream",
    "BadReply",
    "BadRequest",
    "Budget",
    "BudgetExceeded",
    "Call",
    "CallLog",
    "ChatMessage",
    "CircuitBreaker",
    "CircuitOpen",
    "CitedArticle",
    "ClosingDate",
    "Conversation",
    "ConversationStore",
    "ExternalSendForbidden",
    "Form",
    "KeyRejected",
    "Knowledge",
    "LegalModel",
    "ModelError",
    "ModelNotFound",
    "NotAllowed",
    "NotFound",
    "Options",
    "Price",
    "QuotaExhausted",
    "RateLimited",
    "RegisteredModel",
    "Reply",
    "ReplyStream",
    "Retry",
    "Saved",
    "ServerFault",
    "Table",
    "TimedOut",
    "TooLarge",
    "Total",
    "Turn",
    "Unreachable",
    "Usage",
    "connect",
    "connect_async",
    "extract_summary",
    "friendly_errors",
    "markdown_table",
]
