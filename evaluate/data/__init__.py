"""Corpora on this machine: what is here, getting what is not, and whether it is whole."""
