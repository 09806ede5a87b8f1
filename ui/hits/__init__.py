"""What a search found, and the files it can be written to."""

from ethochat.ui.hits.found import Hits, hits_of, provenance

__all__ = ["Hits", "hits_of", "provenance"]
