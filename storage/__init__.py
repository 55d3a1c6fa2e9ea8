"""Files on disk: written whole or not at all, and looked for nowhere but where they belong."""
