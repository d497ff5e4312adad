"""homutune (法務チューン): a fine-tuning workshop for Japanese legal work.

The rooms of the house and who may import whom are held by import-linter, see
``pyproject.toml``. Nothing heavy is imported here: ``homutune --help`` must start at once.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from homutune.assistant import LegalModel as LegalModel

__all__ = ["LegalModel", "__version__"]


def __getattr__(name: str) -> object:
    """``from homutune import LegalModel``, imported only by those who use it."""
    if name == "LegalModel":
        from homutune.assistant import LegalModel

        return LegalModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
