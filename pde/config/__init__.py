"""What a run is told: one declaration of every key, and the way from TOML to a checked `Config`.

The tables live in `network`, `data`, `initial`, `solver` and `output`; `base` holds what all keys
share. The same declaration validates, words the one-line errors (`messages`), and makes `bnflow
schema`.
"""

from .config import Config
from .loading import load_config
from .schema import json_schema, schema_table

__all__ = ["Config", "json_schema", "load_config", "schema_table"]
