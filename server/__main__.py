"""`python -m routemem.server`: the same as the `routemem` command."""

import sys

from .cli import main

sys.exit(main())
