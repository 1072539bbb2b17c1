# SPDX-License-Identifier: MIT
"""Runs Python tests and prints TAP: what tap.h is to tests in C."""


def expect(condition, text):
    """Fail the test with a text unless the condition holds."""
    if not condition:
        raise AssertionError(text)


def run(tests):
    """Run functions, whose first doc line names them; the exit status."""
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        name = test.__doc__.splitlines()[0]
        try:
            test()
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}", flush=True)
        else:
            print(f"ok {number} - {name}", flush=True)
    return 1 if failed else 0
