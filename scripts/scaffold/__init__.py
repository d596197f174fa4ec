"""Write the first files of a new part of the project, so that it works at once and keeps the promises of the house."""
