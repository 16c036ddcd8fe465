"""What caption metrics stand on: the PTB tokeniser, n-gram counts, METEOR's and SPICE's programs, FENSE's models."""
