"""The one thing pyproject.toml cannot say: a C extension that may fail to build."""

import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = Path("memory_core/routing")
#: As in the reference, floats are rounded after every operation: no fused multiply-add.
FLAGS = {"unix": ["-std=c11", "-O3", "-g0", "-ffp-contract=off"], "msvc": ["/std:c11", "/O2"]}
LIBRARIES = {"unix": ["m"]}


class BuildExtIfPossible(build_ext):
    """Build for the compiler at hand, and do without what it cannot make.

    setuptools builds an optional extension or goes on without it, but then links the missing file
    into a strict editable install all the same.
    """

    def build_extensions(self) -> None:
        """Give each extension the flags that this compiler understands."""
        for extension in self.extensions:
            extension.extra_compile_args = FLAGS.get(self.compiler.compiler_type, [])
            extension.libraries = LIBRARIES.get(self.compiler.compiler_type, [])
        super().build_extensions()

    def get_output_mapping(self) -> dict[str, str]:
        """Leave out files that are not there."""
        mapping = super().get_output_mapping()
        return {built: source for built, source in mapping.items() if Path(source).exists()}


# Free-threaded Pythons before 3.15 have no stable ABI: setuptools refuses the tag there, so the
# extension is built for that one version.
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
    cmdclass={"build_ext": BuildExtIfPossible},
    ext_modules=[
        Extension(
            "routemem.memory_core.routing._kernel",
            [str(FOLDER / "_kernel.c")],
            depends=sorted(str(path) for path in FOLDER.glob("_kernel*.h")),
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE else [],
            py_limited_api=STABLE,
            optional=True,
        )
    ],
)
