"""Rules of what to ask next, one file each; a module defines `rule`."""
