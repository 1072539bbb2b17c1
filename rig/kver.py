# SPDX-License-Identifier: MIT
"""Print the kernel that is built for and booted when nobody chose one."""

import paths

try:
    print(paths.default_kver())
except SystemExit:
    # Nothing is installed yet; "make deps" comes first and does not need it.
    print("none")
