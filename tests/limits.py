"""Limits of the machine that tests run into on purpose."""

from contextlib import contextmanager


@contextmanager
def no_room_beyond(size):
    """Let no file of this process grow beyond so many bytes: writing more is an OSError."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
