"""What leaves the house for the Hub: cards, demos, and sending them."""
