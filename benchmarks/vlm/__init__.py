"""How fast a vision-language model gets through a recording; ``make bench-vlm`` runs it."""
