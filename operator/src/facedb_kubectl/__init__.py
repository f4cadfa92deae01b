"""`kubectl facedb`: look at FaceDatabases and ask for things, without touching their spec.

`client` alone talks to the cluster; what is shown and what makes sense is decided by pure modules.
"""
