"""What stands between the page and the world: the HTTP routes, the guard, the host, the models on offer."""
