"""`python -m scripts.build [LANDING]`: build the warehouse."""

from scripts.build.run import main

main(prog_name="python -m scripts.build")
