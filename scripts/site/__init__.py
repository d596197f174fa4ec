"""`make site`: one page that shows the release, without a server and without a request to the outside."""
