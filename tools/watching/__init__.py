"""What a vision-language model is asked about clips: questions of the user, and whether hits show what was searched for."""
