"""Makes a Python function of a condition that was checked."""

import ast
from collections.abc import Callable
from typing import Any

from shared.cel import running

_RUNNING = (
    *(running.too_great, running.divided, running.remainder, running.moved, running.lasting, running.item),
    *(running.all_of, running.any_of, running.exists, running.every, running.exists_one),
    *(running.filtered, running.mapped, len, any, all),
)


def function_of(
    code: ast.expr, constants: dict[str, Any], name: str, parameters: tuple[str, ...]
) -> Callable[..., Any]:
    """Return a function of the variables that gives what the code says.

    The code is a tree that was made from a checked one: its names are those of `running`, of the
    constants and of facts, and what an author wrote stands in it as constants alone.
    """
    args = [ast.arg(parameter) for parameter in parameters]
    whole = ast.Expression(ast.Lambda(ast.arguments([], args, None, [], [], None, []), code))
    known = {each.__name__: each for each in _RUNNING}
    made = compile(ast.fix_missing_locations(whole), f"<rule {name}>", "eval", dont_inherit=True)
    return eval(made, {"__builtins__": {}, **known, **constants})  # type: ignore[no-any-return] # noqa: S307 - no text
