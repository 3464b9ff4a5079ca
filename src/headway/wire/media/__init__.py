"""Sound and pictures: speech from text, text from speech, pictures from text, as OpenAI's clients ask for them."""
