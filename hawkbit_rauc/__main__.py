# SPDX-License-Identifier: LGPL-2.1-or-later
"""`python -m hawkbit_rauc` is `hawkbit-rauc`."""

import sys

from hawkbit_rauc.app.cli import main

sys.exit(main())
