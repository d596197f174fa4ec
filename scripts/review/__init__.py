"""`make review`: what a change of code does to the numbers, the readers and the cost, before it is merged."""
