"""Questions in words: a grammar without guesses, which `ask.js` repeats for the page, and answers from the release."""
