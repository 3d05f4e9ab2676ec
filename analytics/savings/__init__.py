"""What could be saved: pure rules over inventory, usage and prices, each saving with its evidence."""
