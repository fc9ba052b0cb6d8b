"""The default install brings no torch and no CUDA and stays under 500 MB."""

import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

LIMIT_MB = 500
site = Path(sysconfig.get_path("purelib"))
tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
size = sum(
    path.stat().st_size
    for path in site.rglob("*")
    if path.is_file() and not path.relative_to(site).parts[0].startswith(tools)
)
names = sorted(dist.metadata["Name"].lower() for dist in distributions())
heavy = [n for n in names if n.startswith(("torch", "nvidia", "triton", "transformers"))]
if heavy or size > LIMIT_MB * 1_000_000:
    sys.exit(f"{size / 1e6:.0f} MB of site-packages (limit {LIMIT_MB}), unwanted: {heavy}")
print(f"{size / 1e6:.0f} MB of site-packages in {len(names)} distributions, no torch, no CUDA")
