"""Hypothesis: the same examples in every run; `HYPOTHESIS_PROFILE=search pytest tests/property` looks for new ones."""

import os

from hypothesis import settings

settings.register_profile("book", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("search", deadline=None, derandomize=False, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "book"))
