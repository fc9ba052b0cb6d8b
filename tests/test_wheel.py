"""The wheel holds the package, its model and its licences, and nothing else."""

import configparser
import email
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from checkout import ROOT, project_files

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS = CONFIG["tool"]["setuptools"]
SHIPPED = ("memory_core", "prompts", "server")
FILES = [
    path
    for path in project_files()
    if path.relative_to(ROOT).parts[0] in SHIPPED and path.suffix not in (".c", ".h")
]


def test_every_package_folder_is_listed() -> None:
    found = {
        ".".join(("routemem", *path.parent.relative_to(ROOT).parts))
        for path in FILES
        if path.name == "__init__.py"
    }
    assert set(SETUPTOOLS["packages"]) == found


def test_every_folder_with_a_module_is_a_package() -> None:
    for path in FILES:
        if path.suffix == ".py":
            assert (path.parent / "__init__.py").exists(), path


def test_every_file_that_is_no_module_is_package_data() -> None:
    patterns = [
        pattern if package == "*" else f"{package.split('.')[-1]}/{pattern}"
        for package, listed in SETUPTOOLS["package-data"].items()
        for pattern in listed
    ]
    for path in FILES:
        assert path.suffix == ".py" or any(path.match(each) for each in patterns), path


def test_each_top_folder_is_typed() -> None:
    for folder in SHIPPED:
        assert (ROOT / folder / "py.typed").exists()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the working tree, built from a copy: a stale build folder is not in it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: the project's files cannot be told from others")
    return made_wheel(tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel"))


def made_wheel(source: Path, out: Path, **more: str) -> Path:
    """A wheel of a copy of the project's files, made with more environment variables."""
    for path in project_files():
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    isolation = ["--no-build-isolation"] if has_setuptools() else []
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", *isolation, "-w", out, source],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | more,
    )
    if "No matching distribution found for setuptools" in done.stdout + done.stderr:
        pytest.skip("no setuptools here and none to be had")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (made,) = out.glob("*.whl")
    return made


def has_setuptools() -> bool:
    try:
        return int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        return False


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    about = f"routemem-{CONFIG['project']['version']}.dist-info/"
    kernels = {name for name in names if name.startswith("routemem/memory_core/routing/_kernel.")}
    assert {name for name in names - kernels if not name.startswith(about)} == {
        f"routemem/{path.relative_to(ROOT).as_posix()}" for path in FILES
    }
    licences = {f"{about}licenses/{name}" for name in ("LICENSE", "NOTICE")}
    assert {name for name in names if name.startswith(about)} == licences | {
        about + name
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt")
    }
    checked = subprocess.run(
        [sys.executable, ROOT / ".ci" / "check_wheel.py", wheel], capture_output=True
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_the_wheel_is_for_every_python_from_3_11_and_asks_for_no_torch(wheel: Path) -> None:
    stable = not sysconfig.get_config_var("Py_GIL_DISABLED")  # those have no stable ABI
    assert not stable or "-cp311-abi3-" in wheel.name
    about = f"routemem-{CONFIG['project']['version']}.dist-info/"
    with zipfile.ZipFile(wheel) as opened:
        metadata = email.message_from_bytes(opened.read(about + "METADATA"))
        scripts = configparser.ConfigParser()
        scripts.read_string(opened.read(about + "entry_points.txt").decode())
    wanted = metadata.get_all("Requires-Dist") or []
    always = [line for line in wanted if "extra ==" not in line]
    assert len(always) == len(CONFIG["project"]["dependencies"])
    assert not [line for line in always if line.startswith(("torch", "sentence", "transformers"))]
    assert scripts["console_scripts"]["routemem"] == "routemem.server.cli:main"


@pytest.mark.slow
def test_what_is_in_the_wheel_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import routemem.memory_core as core, routemem.prompts as prompts\n"
        f"assert core.__file__.startswith({str(tmp_path)!r}), core.__file__\n"
        "assert 'recall' in prompts.load('memory_guide')\n"
        "with core.Memory.open(None) as memory:\n"
        "    memory.remember('Ann is allergic to hazelnuts, not to other nuts.')\n"
        "    memory.remember('The tide model was rewritten because a run took nine hours.')\n"
        "    print(memory.recall('What food could make her ill?').hits[0].text)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "hazelnuts" in done.stdout


@pytest.mark.slow
def test_without_a_compiler_it_is_built_all_the_same_and_runs_in_numpy(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "wheel"
    made = made_wheel(source, out, CC="/bin/false", CXX="/bin/false")
    with zipfile.ZipFile(made) as opened:
        assert not [name for name in opened.namelist() if "_kernel." in name]
        opened.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import numpy as np\n"
        "import routemem.memory_core as core\n"
        "from routemem.memory_core.routing import kernel\n"
        f"assert core.__file__.startswith({str(tmp_path)!r}), core.__file__\n"
        "assert kernel.extension() == (None, kernel.NOT_BUILT)\n"
        "assert kernel.ACTIVE.name == 'numpy'\n"
        "index = core.RoutingIndex(32, flat_until=100)\n"
        "vectors = np.random.default_rng(0).normal(size=(500, 32))\n"
        "index.add_many(np.arange(500), vectors)\n"
        "assert index.build().mode == 'routed'\n"
        "assert index.search(vectors[7], 1).hits[0].id == 7\n"
        "with core.Memory.open(None) as memory:\n"
        "    memory.remember('Ann is allergic to hazelnuts, not to other nuts.')\n"
        "    memory.remember('The tide model was rewritten because a run took nine hours.')\n"
        "    print(memory.recall('What food could make her ill?').hits[0].text)\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "ROUTEMEM_KERNEL"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env=env,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "hazelnuts" in done.stdout
