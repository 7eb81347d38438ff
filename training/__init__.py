"""Training scripts: data, losses, loops, metrics, export. They use `t2i`, never the other way round."""
