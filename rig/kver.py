# SPDX-License-Identifier: MIT
"""kver.py [CHOICE]: print the full version of the kernel to build for.

kver.py --headers VERSION: print where its headers are.
"""

import sys

import paths


def main():
    if sys.argv[1:2] == ["--headers"]:
        directory = paths.headers(sys.argv[2])
        if not directory:
            sys.exit(f"no headers for {sys.argv[2]}; "
                     f"install linux-headers-{sys.argv[2]}")
        print(directory)
        return
    try:
        print(paths.kernel_version(*sys.argv[1:2]))
    except SystemExit:
        # Nothing is installed yet; "make deps" comes first and does without.
        print("none")


if __name__ == "__main__":
    main()
