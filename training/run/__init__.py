"""What every run needs, whatever it learns: the loop, states, snapshots, randomness, processes."""
