"""How well a vision-language model describes behavior, measured against what people or a simulator marked.

Rules of counting and sources of formulas stand in ``docs/vlm_quality.md``.
"""
