"""Small mistakes put into a module: another operator, sign, bound or constant, a line left out.

Text in, text out: a mutant is the place of an expression and what stands there instead, so the rest
of the module stays as it is, to the byte.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_TINY = 1e-6  # a constant below it is a tolerance: without it is the mistake to look for

_BOUNDS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_EXTREMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}
_WORDS = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake in one file."""

    file: str  # below src/cointrader
    function: str  # "Class.method"; "" at the level of the module
    line: int
    kind: str
    before: str
    after: str
    start: int = field(repr=False)  # bytes of the file
    end: int = field(repr=False)
    turn: int = field(default=0, repr=False)  # which of equal mistakes in one function

    @property
    def key(self) -> str:
        """Names the mistake; an edit elsewhere in the file does not change it."""
        told = (self.file, self.function, self.kind, self.before, self.after, str(self.turn))
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]

    def put_into(self, text: str) -> str:
        """The module with the mistake in it."""
        data = text.encode()
        return (data[: self.start] + self.after.encode() + data[self.end :]).decode()


def mutants(file: str, text: str) -> list[Mutant]:
    """Every mistake that can be put into a module, in the order of its lines.

    Left alone is what decides nothing: docstrings, annotations, the words of errors, imports.
    """
    found: list[Mutant] = []
    seen: dict[tuple[str, ...], int] = {}
    offsets = _offsets(text)
    for function, node in _nodes(ast.parse(text), ""):
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        for kind, changed in _changes(node):
            before, after = ast.unparse(node), ast.unparse(changed)
            same = (function, kind, before, after)
            turn = seen[same] = seen.get(same, -1) + 1
            after = f"({after})" if isinstance(node, ast.Compare | ast.BinOp) else after
            found.append(Mutant(file, function, node.lineno, kind, before, after, start, end, turn))
    return found


def _offsets(text: str) -> list[int]:
    """Where each line begins, in bytes, as the parser counts them."""
    lengths = [len(line.encode()) for line in text.splitlines(keepends=True)]
    return [sum(lengths[:at]) for at in range(len(lengths))]


Place = ast.expr | ast.stmt


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[str, Place]]:
    """Everything that decides something, with the function that it stands in."""
    for child in _children(node):
        if isinstance(child, _WORDS):
            continue
        inside = function
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = f"{function}.{child.name}".lstrip(".")
        elif isinstance(child, ast.expr | ast.stmt):
            yield function, child
        yield from _nodes(child, inside)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.FunctionDef():
            yield from (default for default in node.args.kw_defaults if default is not None)
            yield from node.args.defaults
            yield from node.body
        case ast.ClassDef():
            yield from node.body
        case ast.AnnAssign():
            yield from () if node.value is None else (node.value,)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            return  # a number is mutated as a whole
        case ast.Call(func=ast.Name("zip")):
            yield from node.args  # "strict" decides nothing: it asserts that lengths are equal
        case _:
            yield from ast.iter_child_nodes(node)


def _changes(node: Place) -> Iterator[tuple[str, Place]]:
    """What may stand in place of `node`."""
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            yield "arithmetic", _with(node, "op", _ARITHMETIC[type(node.op)]())
        case ast.AugAssign() if type(node.op) in _ARITHMETIC:
            yield "arithmetic", _with(node, "op", _ARITHMETIC[type(node.op)]())
            if isinstance(node.target, ast.Subscript):
                yield "left out", ast.Pass()
        case ast.Assign(targets=[ast.Subscript()]):
            yield "left out", ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield "left out", ast.Pass()
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "logic", _with(node, "op", other)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
            yield "sign", node.operand
        case ast.Constant(value=bool() | int() | float()):
            yield "constant", ast.Constant(_another(node.value))
        case ast.Call(func=ast.Name(id=name)) if name in _EXTREMES:
            yield "extreme", _with(node, "func", ast.Name(_EXTREMES[name]))
        case ast.Call(func=ast.Attribute(attr=name)) if name in _EXTREMES:
            yield "extreme", _with(node, "func", _with(node.func, "attr", _EXTREMES[name]))
        case ast.IfExp():
            swapped = ast.IfExp(node.test, node.orelse, node.body)
            yield "condition", swapped
        case ast.Continue():
            yield "loop", ast.Break()
        case _:
            return


def _compared(node: ast.Compare) -> Iterator[tuple[str, Place]]:
    """Each comparison of a chain, its bound moved in or out, or turned round."""
    tables: tuple[tuple[str, dict[type[ast.cmpop], type[ast.cmpop]]], ...]
    tables = (("bound", _BOUNDS), ("comparison", _OPPOSITES))
    for at, operator in enumerate(node.ops):
        for kind, table in tables:
            if type(operator) in table:
                operators = [*node.ops[:at], table[type(operator)](), *node.ops[at + 1 :]]
                yield kind, _with(node, "ops", operators)


def _another(value: object) -> bool | int | float:
    """Off by one; twice; nothing in place of a tolerance."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    assert isinstance(value, float)
    if value == 0.0:
        return 1.0
    return 0.0 if abs(value) < _TINY else 2.0 * value


def _with(node: Place, name: str, value: object) -> Place:
    """`node` with another operator, callee or the like."""
    changed = copy.copy(node)
    setattr(changed, name, value)
    return changed


def chosen(found: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of them by chance, in the order in which they came.

    By the hash of each, so that an edit of the file leaves the choice among the others as it was.
    """

    def rank(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.key}".encode()).hexdigest()

    taken = {mutant.key for mutant in sorted(found, key=rank)[:count]}
    return [mutant for mutant in found if mutant.key in taken]
