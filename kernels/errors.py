"""The exceptions that every room raises, so that one place can turn them into exit codes.

`InputError` is a user's mistake and always one line: the value seen, the values allowed, the next
thing to try. `NumericalFailure` is the solver's: what became non-finite, where and when.
`Notice` is a warning that needs no action. Nothing else here.
"""

from __future__ import annotations


class InputError(ValueError):
    """A user's mistake, told in one line. The command line exits with code 2."""


class NumericalFailure(ArithmeticError):
    """The computation broke down; what was saved before stays. The command line exits with 4."""


class Notice(UserWarning):
    """Something that the user should know and need not act on."""


# First words of notices that a device gives once, so that nobody may keep them back: of what took
# long, and of what it goes on without.
COMPILED, WITHOUT = "compiled", "this run goes on without"
