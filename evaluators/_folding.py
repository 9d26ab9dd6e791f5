"""Strings that code puts together from constant pieces, as far as they can be read off."""

import ast

MAX_FOLDED = 10_000
"""Longer strings are not put together."""


def folded(node: ast.AST) -> str | None:
    """The text that an expression of constant pieces gives; None if it is not of that kind.

    Reads `"a" + "b"`, `"".join((…))` and `bytes((…))`; a plain constant is no such
    expression.
    """
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _sum(node)
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr == "join":
        return _joined(node.func.value, node.args[0])
    if isinstance(node.func, ast.Name) and node.func.id in {"bytes", "bytearray"}:
        return _decoded(node.args[0])
    return None


def _sum(node: ast.BinOp) -> str | None:
    # Chains lean to the left and may be long: no recursion.
    pieces: list[ast.expr] = []
    inner: ast.expr = node
    while isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add):
        pieces.append(inner.right)
        inner = inner.left
        if len(pieces) > MAX_FOLDED:
            return None
    texts = [_constant(piece) for piece in (inner, *reversed(pieces))]
    return _together("", texts)


def _joined(separator: ast.expr, items: ast.expr) -> str | None:
    between = _constant(separator)
    if between is None or not isinstance(items, ast.Tuple | ast.List):
        return None
    return _together(between, [_constant(item) for item in items.elts])


def _together(between: str, texts: list[str | None]) -> str | None:
    known = [text for text in texts if text is not None]
    whole = len(known) == len(texts) > 1 and sum(map(len, known)) <= MAX_FOLDED
    return between.join(known) if whole else None


def _decoded(numbers: ast.expr) -> str | None:
    if not isinstance(numbers, ast.Tuple | ast.List) or len(numbers.elts) > MAX_FOLDED:
        return None
    values = [item.value for item in numbers.elts if isinstance(item, ast.Constant)]
    codes = [value for value in values if isinstance(value, int) and 0 <= value < 256]
    return bytes(codes).decode(errors="replace") if len(codes) == len(numbers.elts) else None


def _constant(node: ast.expr) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text else None  # pyright: ignore[reportAttributeAccessIssue] - a Constant
