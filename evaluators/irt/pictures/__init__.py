"""Pictures of a fit, one file each, and the report that binds them.

A picture is a module here that defines `picture`; every one of the folder stands in the report, in
the order of its `place`.
"""
