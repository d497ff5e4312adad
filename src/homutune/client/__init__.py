"""The one way to a model: OpenAI's API through the official SDK, with Japanese errors."""

from homutune.client._closing import HOSTED_CLOSING, ClosingDate
from homutune.client._connect import connect
from homutune.client._errors import friendly_errors

__all__ = ["HOSTED_CLOSING", "ClosingDate", "connect", "friendly_errors"]
