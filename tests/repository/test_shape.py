"""What keeps code easy to live in, held for every module, so that the tangle of large code bases does not begin."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import grimp

Sources = dict[str, ast.Module]
Function = ast.FunctionDef | ast.AsyncFunctionDef

BROAD_HANDLERS: dict[str, str] = {
    "headway/transport/connection.py:data_received": "a bug in whoever listens: its exchange ends with a logged 500",
    "headway/transport/pool.py:_connected": "a bug in whoever sends the request: its exchange ends with a logged 500",
}
"""Where `except Exception` is allowed: "module:function" and why: edges that turn a bug into a logged 500."""

IMPORTS_IN_FUNCTIONS: dict[str, str] = {}
"""Where a function may import: "module:function" and why."""

EVASIVE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def statements(sources: Sources) -> Iterator[tuple[str, int, ast.AST]]:
    """Every node: where it stands ("module:function", or "module:"), its line, and itself."""

    def own(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            yield child
            if not isinstance(child, Function):
                yield from own(child)

    for module, tree in sources.items():
        for owner in ast.walk(tree):
            if isinstance(owner, Function | ast.Module):
                name = "" if isinstance(owner, ast.Module) else owner.name
                for node in own(owner):
                    yield f"{module}:{name}", getattr(node, "lineno", 0), node


def is_hidden_import(where: str, node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom) and not where.endswith(":")


def is_broad(node: ast.AST) -> bool:
    """`except:`, `except Exception`, `suppress(Exception)` and the like; not cleaning up and raising again."""
    match node:
        case ast.ExceptHandler(body=[*_, ast.Raise(exc=None)]):
            return False
        case ast.ExceptHandler(type=None):
            return True
        case ast.ExceptHandler(type=caught):
            names: list[ast.expr] = caught.elts if isinstance(caught, ast.Tuple) else [caught] if caught else []
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=names):
            pass
        case _:
            return False
    return any(isinstance(name, ast.Name) and name.id in ("Exception", "BaseException") for name in names)


def test_every_module_opens_by_saying_what_it_decides(sources: Sources) -> None:
    assert [module for module, tree in sources.items() if not ast.get_docstring(tree)] == []


def test_every_folder_of_modules_is_a_package(root: Path) -> None:
    """Without `__init__.py` neither the floors nor the wheel would know it."""
    folders = {path.parent for path in (root / "src" / "headway").rglob("*.py")}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_no_import_hides_in_a_function(sources: Sources) -> None:
    hidden = {
        f"{where}:{line}"
        for where, line, node in statements(sources)
        if is_hidden_import(where, node) and where not in IMPORTS_IN_FUNCTIONS
    }
    assert hidden == set()


def test_what_is_caught_has_a_name(sources: Sources) -> None:
    broad = {
        f"{where}:{line}" for where, line, node in statements(sources) if is_broad(node) and where not in BROAD_HANDLERS
    }
    assert broad == set()


def test_what_is_allowed_is_still_needed(sources: Sources) -> None:
    found = list(statements(sources))
    broad = {where for where, _, node in found if is_broad(node)}
    importing = {where for where, _, node in found if is_hidden_import(where, node)}
    assert set(BROAD_HANDLERS) - broad == set()
    assert set(IMPORTS_IN_FUNCTIONS) - importing == set()


def test_nothing_is_global(sources: Sources) -> None:
    assert [f"{where}:{line}" for where, line, node in statements(sources) if isinstance(node, ast.Global)] == []


def test_modules_are_named_for_what_they_decide(sources: Sources) -> None:
    assert [module for module in sources if set(Path(module).with_suffix("").parts) & EVASIVE_NAMES] == []


def test_modules_import_each_other_in_one_direction() -> None:
    graph = grimp.build_graph("headway", exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a cycle


def test_chance_reaches_the_core_as_an_argument(sources: Sources) -> None:
    """`from random import Random` names the type of that argument; anything else would draw from hidden state."""
    drawing = [
        f"{module}:{node.lineno}"
        for module, tree in sources.items()
        if module.startswith(("headway/core/", "headway/wire/"))
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(name.name == "random" for name in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "random" and [n.name for n in node.names] != ["Random"])
    ]
    assert drawing == []
