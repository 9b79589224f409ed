"""Find the places of a source text that tell one task from another."""
import ast
import re
from collections.abc import Iterator

# Scopes, and words for a task, its models and their types, as in 'mmdet', 'segmentation' or 'ClsDataPreprocessor'.
_NAME = re.compile(r'(?i:mmdet|mmseg|mmpretrain|detect|segment|classif)|\b(?:Det|Seg|Cls)(?=[A-Z])')
_PACKAGES = ('mmdet', 'mmseg', 'mmpretrain', 'mmmux.tasks')
_ATTRIBUTES = frozenset({  # of the models and predictions of one of the packages
    'auxiliary_head', 'bbox_head', 'decode_head', 'mask_head', 'pred_instances', 'pred_label', 'pred_score', 'pred_sem_seg',
    'roi_head', 'rpn_head'})
_HELPER = re.compile(r'_*((is|has)_\w*(detect|segment|classif)\w*|(detects|segments|classifies)(_\w+)?)')
_TEXT_TESTS = ('startswith', 'endswith', 'search', 'match', 'fullmatch', 'find', 'count', 'index')
_OF_OTHERS = ('MODULE2PACKAGE', )  # mmengine's table of packages
_WEIGHTS = ('classifier.', )  # how the keys of the authors' weights begin


def task_branches(source: str) -> list[str]:
    """Return a line `number: kind` for each place, in the order of the text."""
    tree = ast.parse(source)
    finder = _Finder(tree)
    return [f'{line}: {kind}' for line, kind in sorted({(node.lineno, kind) for node, kind in finder.found()})]


class _Finder:

    def __init__(self, tree: ast.Module):
        self.tree = tree
        self.types = set(_imported(tree))  # names that a package's module was imported by
        self.constants: set[str] = set()
        self.constants = {target.id for node in ast.walk(tree) if isinstance(node, ast.Assign) and self.names_task(node.value)
                          for target in node.targets if isinstance(target, ast.Name)}

    def found(self) -> Iterator[tuple[ast.AST, str]]:
        """Each place with its kind."""
        for node in ast.walk(self.tree):
            kind = self.kind(node)
            if kind:
                yield node, kind

    def kind(self, node: ast.AST) -> str | None:
        """How a part of the tree tells tasks apart; None if it does not."""
        match node:
            case ast.Compare():
                operands = [node.left, *node.comparators]
                if any(map(self.names_task, operands)) or any(map(self.is_type, operands)):
                    return 'comparison'
                if isinstance(node.ops[0], ast.In | ast.NotIn) and _attribute(node.left):
                    return 'field of a sample'
            case ast.MatchValue(value=value) if self.names_task(value):
                return 'match'
            case ast.MatchClass(cls=cls) if self.is_type(cls):
                return 'match'
            case ast.Dict(keys=keys) if any(key is not None and self.names_task(key) for key in keys):
                return 'dictionary'
            case ast.Subscript(ctx=ast.Store(), value=table, slice=key) if self.names_task(key):
                return None if isinstance(table, ast.Name) and table.id in _OF_OTHERS else 'dictionary'
            case ast.Call():
                return self.kind_of_call(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if _HELPER.fullmatch(name):
                return 'helper'
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()) if _HELPER.fullmatch(name):
                return 'helper'
        return None

    def kind_of_call(self, node: ast.Call) -> str | None:
        """As :meth:`kind`."""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')
        if called == 'dict' and any(_NAME.search(keyword.arg or '') for keyword in node.keywords):
            return 'dictionary'
        if called in ('dict', 'fromkeys') and node.args and self.names_task(node.args[0]):
            return 'dictionary'
        if called in ('isinstance', 'issubclass') and self.is_type(node.args[1]):
            return called
        if (called == 'hasattr' or (called == 'getattr' and len(node.args) == 3)) and _attribute(node.args[1]):
            return called
        if called in _TEXT_TESTS and node.args and self.names_task(node.args[0]):
            return 'comparison'
        return None

    def names_task(self, node: ast.AST) -> bool:
        """Whether an expression is a name of a task, or a collection that has one."""
        match node:
            case ast.Constant(value=str(value)):
                return value not in _WEIGHTS and bool(_NAME.search(value))
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return any(map(self.names_task, parts))
            case ast.Call(func=ast.Name(id='frozenset' | 'set' | 'tuple' | 'list'), args=[parts]):
                return self.names_task(parts)
            case ast.Name(id=name):
                return name in self.constants
        return False

    def is_type(self, node: ast.AST) -> bool:
        """Whether an expression has a type of a package, by its import or by its registered name."""
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in self.types:
                return True
            if isinstance(part, ast.Call) and any(map(self.names_task, part.args)):
                return isinstance(part.func, ast.Attribute) and part.func.attr == 'get'
        return False


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_package(node.module or ''):
            yield from (alias.asname or alias.name for alias in node.names if alias.name.lstrip('_')[:1].isupper())
        elif isinstance(node, ast.Import):
            yield from (alias.asname or alias.name.split('.')[0] for alias in node.names if _is_package(alias.name))


def _is_package(module: str) -> bool:
    return any(module == package or module.startswith(f'{package}.') for package in _PACKAGES)


def _attribute(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in _ATTRIBUTES
