"""The pictures of the README, each drawn by a script: `make pictures` draws them again."""
