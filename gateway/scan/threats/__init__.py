"""Attacks on what stands behind a model: databases, browsers, shells, files, inner networks.

`rules` say what is looked for, `judge` what becomes of it. A rule alone never decides: where a text
stands (an argument of a tool, what a client shows) tells whether it bites.
"""
