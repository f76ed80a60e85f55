"""Ours against named peers, as ratios in one run; `make bench` prints them."""
