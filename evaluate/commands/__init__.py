"""The commands, a file each or for those that belong together: parse arguments, look names up, call."""
