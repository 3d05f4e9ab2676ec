"""What is out of the ordinary in metrics and in costs; values in, values out."""
