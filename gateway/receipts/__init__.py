"""Receipts and their log as bytes: built, sealed, proved and verified; no input, no output.

Nothing here imports another part of the gateway, so that the folder is shipped alone as well, as
`sealgate-verify`: the standard library and PyNaCl are enough, and orjson is used where it is there.
"""
