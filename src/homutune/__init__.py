"""homutune (法務チューン): a fine-tuning workshop for Japanese legal work.

The rooms of the house and who may import whom are held by import-linter, see
``pyproject.toml``. Nothing heavy is imported here: ``homutune --help`` must start at once.
"""

__version__ = "0.1.0"
