"""One turn, from a message to an answer: `turn.py` tells the story, and each verb has a file."""
