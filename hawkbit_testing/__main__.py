# SPDX-License-Identifier: LGPL-2.1-or-later
"""`python -m hawkbit_testing --url URL` reports how a server differs from the double."""

import sys

from hawkbit_testing.conformance.report import main

if __name__ == "__main__":
    sys.exit(main())
