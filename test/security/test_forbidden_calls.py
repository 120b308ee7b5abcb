# SPDX-License-Identifier: Apache-2.0
"""What makes a program of data, or a shell of a name, is nowhere in the package.

Read from the syntax tree: aliases are resolved, and comments and strings are no code.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import segnet_ros

PACKAGE = Path(segnet_ros.__file__).parent
FILES = sorted([*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "launch").rglob("*.py")])

MODULES = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "joblib"}
_BUILTINS = {"eval", "exec", "compile", "__import__"}
PROGRAMS = _BUILTINS | {f"builtins.{name}" for name in _BUILTINS} | {"runpy.run_path"}
SHELLS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn",
    "asyncio.create_subprocess_shell",
}  # fmt: skip
LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader", "yaml.BaseLoader", "yaml.CBaseLoader"}
UNSAFE_YAML = {"yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"}
UNSAFE_TORCH = {"torch.jit.load", "torch.hub.load", "torch.package.PackageImporter"}
MODES = {"chmod", "fchmod", "lchmod", "mkdir", "makedirs", "open", "touch", "mkfifo", "mknod"}
WORLD_WRITABLE = 0o002


class Module:
    """A file's syntax tree and what its names stand for."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self.names = dict(_imported(self.tree))
        self.values = dict(_assigned(self.tree))

    def full(self, node: ast.AST) -> str:
        """`np.load` as "numpy.load"; empty for what is no name."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (owner := self.full(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    def is_safe_loader(self, node: ast.AST | None) -> bool:
        """Whether it is one of `LOADERS`, a class made of them, or a choice between them."""
        if isinstance(node, ast.ClassDef):
            return bool(node.bases) and all(map(self.is_safe_loader, node.bases))
        if isinstance(node, ast.Call) and self.full(node.func) == "getattr":
            owner, name, *default = node.args
            chosen = f"{self.full(owner)}.{_constant(name)}"
            return chosen in LOADERS and all(map(self.is_safe_loader, default))
        if isinstance(node, ast.Name) and node.id in self.values:
            return self.is_safe_loader(self.values[node.id])
        return node is not None and self.full(node) in LOADERS


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                name = item.name if item.asname else item.name.partition(".")[0]
                yield item.asname or name, name
        elif isinstance(node, ast.ImportFrom):
            for item in node.names:
                yield item.asname or item.name, f"{node.module}.{item.name}"


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _constant(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in call.keywords if item.arg == name), None)


def _numbers(call: ast.Call) -> Iterator[int]:
    for node in (*call.args, *(item.value for item in call.keywords)):
        value = _constant(node)
        if isinstance(value, int) and not isinstance(value, bool):
            yield value


def forbidden_imports(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        names = [item.name for item in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name.partition(".")[0] in MODULES:
                yield node.lineno, f"imports {name}"


def _unsafe_tensors(module: Module, call: ast.Call) -> bool:
    name = module.full(call.func)
    if name in UNSAFE_TORCH:
        return True
    return name == "torch.load" and _constant(_keyword(call, "weights_only")) is not True


def _unsafe_yaml(module: Module, call: ast.Call) -> bool:
    name = module.full(call.func)
    if name in UNSAFE_YAML:
        return True
    loader = _keyword(call, "Loader") or (call.args[1] if len(call.args) > 1 else None)
    return name in {"yaml.load", "yaml.load_all"} and not module.is_safe_loader(loader)


def _unsafe_arrays(module: Module, call: ast.Call) -> bool:
    return module.full(call.func) == "numpy.load" and (
        _constant(_keyword(call, "allow_pickle")) is not False
    )


def _program(module: Module, call: ast.Call) -> bool:
    return module.full(call.func) in PROGRAMS


def _shell(module: Module, call: ast.Call) -> bool:
    shell = _keyword(call, "shell")
    return module.full(call.func) in SHELLS or (shell is not None and _constant(shell) is not False)


def _guessable(module: Module, call: ast.Call) -> bool:
    return module.full(call.func) == "tempfile.mktemp"


def _world_writable(module: Module, call: ast.Call) -> bool:
    name = module.full(call.func)
    if name == "os.umask":
        return any(not mode & WORLD_WRITABLE for mode in _numbers(call))
    method = call.func.attr if isinstance(call.func, ast.Attribute) else name
    return method in MODES and any(mode & WORLD_WRITABLE for mode in _numbers(call))


RULES: Mapping[str, Callable[[Module, ast.Call], bool]] = {
    "torch.load without weights_only=True": _unsafe_tensors,
    "yaml with an unsafe loader": _unsafe_yaml,
    "numpy.load without allow_pickle=False": _unsafe_arrays,
    "a program made of text": _program,
    "a shell": _shell,
    "a temporary name that others can guess": _guessable,
    "a world-writable mode": _world_writable,
}


def findings(source: str) -> list[str]:
    """Line and rule of everything that is forbidden."""
    module = Module(source)
    found = list(forbidden_imports(module))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            found += [(node.lineno, rule) for rule, is_so in RULES.items() if is_so(module, node)]
    return [f"line {line}: {what}" for line, what in sorted(found)]


def test_nothing_forbidden_is_in_the_package() -> None:
    assert len(FILES) > 400
    found = {str(file): findings(file.read_text(encoding="utf-8")) for file in FILES}
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import pickle", "imports pickle"),
        ("from cloudpickle import loads", "imports cloudpickle"),
        ("def f():\n    import marshal as m", "imports marshal"),
        ("import shelve, dill", "imports shelve"),
        ("import torch\ntorch.load(p)", "torch.load"),
        ("from torch import load as get\nget(p, weights_only=False)", "torch.load"),
        ("import torch as t\nt.load(p, weights_only=flag)", "torch.load"),
        ("import torch\ntorch.jit.load(p)", "torch.load"),
        ("import yaml\nyaml.load(t, yaml.Loader)", "yaml"),
        ("import yaml\nyaml.load(t)", "yaml"),
        ("from yaml import load, Loader\nload(t, Loader=Loader)", "yaml"),
        ("import yaml\nyaml.unsafe_load(t)", "yaml"),
        ("import yaml\nL = getattr(yaml, 'CLoader', yaml.SafeLoader)\nyaml.load(t, L)", "yaml"),
        ("import yaml\nclass L(yaml.FullLoader): ...\nyaml.load(t, L)", "yaml"),
        ("import numpy as np\nnp.load(p)", "numpy.load"),
        ("from numpy import load\nload(p, allow_pickle=True)", "numpy.load"),
        ("eval(t)", "program"),
        ("exec(t)", "program"),
        ("compile(t, '', 'exec')", "program"),
        ("import builtins as b\nb.exec(t)", "program"),
        ("__import__(t)", "program"),
        ("import subprocess\nsubprocess.run(t, shell=True)", "shell"),
        ("from subprocess import Popen as P\nP(t, shell=flag)", "shell"),
        ("import subprocess\nsubprocess.getoutput(t)", "shell"),
        ("import os\nos.system(t)", "shell"),
        ("from os import popen\npopen(t)", "shell"),
        ("import tempfile\ntempfile.mktemp()", "guess"),
        ("from pathlib import Path\nPath(p).chmod(0o777)", "world-writable"),
        ("import os\nos.open(p, os.O_CREAT, 0o666)", "world-writable"),
        ("import os\nos.mkdir(p, mode=0o773)", "world-writable"),
        ("import os\nos.umask(0)", "world-writable"),
    ],
)
def test_every_rule_can_fail(source: str, what: str) -> None:
    (found,) = [line for line in findings(source) if what in line][:1] or [""]
    assert what in found


@pytest.mark.parametrize(
    ("safe", "unsafe"),
    [
        ("weights_only=True", "weights_only=False"),
        (", weights_only=True", ""),
        ('"CSafeLoader", yaml.SafeLoader', '"CLoader", yaml.Loader'),
        ("class _Loader(_Base)", "class _Loader(yaml.Loader)"),
        ("os.open(path, flags, 0o600)", "os.open(path, flags, 0o606)"),
        ("subprocess.run(", "subprocess.run(shell=True, *"),
        ("subprocess.Popen(", "subprocess.Popen(shell=True, *"),
    ],
)
def test_the_package_changed_for_the_worse_is_found(safe: str, unsafe: str) -> None:
    sources = [file.read_text(encoding="utf-8") for file in FILES]
    changed = [source for source in sources if safe in source]
    assert changed
    for source in changed:
        assert findings(source) == []
        assert findings(source.replace(safe, unsafe)) != []


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(p, weights_only=True)",
        "import yaml\nyaml.safe_load(t)\nyaml.load(t, Loader=yaml.CSafeLoader)",
        "import numpy as np\nnp.load(p, allow_pickle=False)",
        "network.eval()\nre.compile(t)\n'eval(x)'  # exec(x)",
        "import subprocess\nsubprocess.run([t], shell=False)",
        "import os\nos.open(p, os.O_CREAT, 0o600)\nos.umask(0o077)\nos.umask(0o022)",
        "path.open('rb', buffering=0)\npath.mkdir(mode=0o700)",
    ],
)
def test_what_is_harmless_is_left_alone(source: str) -> None:
    assert findings(source) == []
