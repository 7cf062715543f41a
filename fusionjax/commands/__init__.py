"""The sub-commands of `fusionjax`, one a file: its options, and what it does.

A file's `add` puts the options into the parser; JAX, Pillow and rich are
imported by what runs, not by what is listed.
"""
