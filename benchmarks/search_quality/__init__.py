"""How well search finds what a person describes: queries in plain words against truths from raw files.

``queries`` reads what is asked and what would be right, ``recordings`` reads the raw files, ``truths`` turns both
into events, ``folders`` makes the experiments, ``systems`` searches them, ``metrics`` scores rankings and
``report`` writes the page. No truth comes from the code that is measured.
"""
