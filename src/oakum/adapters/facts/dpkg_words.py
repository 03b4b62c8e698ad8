"""What dpkg's words are made of."""

import re

NOT_ON_DISK = "nc"
"""dpkg's second letter: not installed; only configuration files are left."""
STATUS = re.compile(r"[uihrp][nicurFUHWt][R ]?")
PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]*")
