"""Results as a folder of files: written beside its place, and put there in one move when it is whole."""

from cascade.output.folder import OutputFolder

__all__ = ["OutputFolder"]
