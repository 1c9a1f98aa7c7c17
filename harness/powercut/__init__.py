"""powercut: does a storage engine survive losing power at every single block write?"""

__version__ = "0.1.0"
