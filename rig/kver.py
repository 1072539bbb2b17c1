# SPDX-License-Identifier: MIT
"""kver.py [CHOICE]: print the full version of the kernel to build for."""

import sys

import paths

try:
    print(paths.kernel_version(*sys.argv[1:2]))
except SystemExit:
    # Nothing is installed yet; "make deps" comes first and does not need it.
    print("none")
