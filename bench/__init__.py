"""What our pages cost, as ratios to a bare Flask view measured in the same run on the same machine."""
